"""hybridchat: a terminal chat client for people who use both their own models and rented ones."""

__version__ = "0.1.0"
