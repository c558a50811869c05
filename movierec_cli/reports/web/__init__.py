"""Studies and models as web pages."""
