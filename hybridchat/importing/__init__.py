"""What other programs export, read into our own values: one reader per format, in a table."""
