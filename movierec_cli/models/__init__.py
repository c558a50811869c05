"""Feature encoding, grouped queries and the retrieval model."""
