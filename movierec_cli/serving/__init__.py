"""Saved models that answer over HTTP: a service that knows nothing of HTTP, and what brings it there."""
