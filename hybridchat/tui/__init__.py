"""The screen. Only this package reaches Textual; it talks to the session and gets events and snapshots."""
