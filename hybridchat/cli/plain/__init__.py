"""`hybridchat --plain`: the chat as lines on the normal screen, in words alone. It knows no Textual."""
