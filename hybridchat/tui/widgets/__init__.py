"""The chat screen's own widgets."""
