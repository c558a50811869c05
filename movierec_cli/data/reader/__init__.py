"""Files to columns."""
