"""What must not leave by accident: finding secrets and personal identifiers in a text, and masking them."""
