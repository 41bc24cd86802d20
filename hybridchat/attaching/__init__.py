"""Files of the user's on their way to a message: read, looked into, listed. All of it blocks."""
