"""The transcript: a conversation drawn by lines, whose cost depends on what is visible."""
