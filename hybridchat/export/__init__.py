"""One writer per format, in a table."""
