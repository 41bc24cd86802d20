"""One file per screen; each is imported when it opens."""
