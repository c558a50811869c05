"""Writing whole or not at all, reading with a limit, and tables as CSV."""
