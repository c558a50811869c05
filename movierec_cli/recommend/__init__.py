"""Saved models at work: for a person, for a pair of person and movie, for a history."""
