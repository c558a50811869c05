"""Studies and lists as text."""
