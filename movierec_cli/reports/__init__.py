"""What people look at: tables for the terminal, a page for the browser."""
