"""Recommending from saved models: to users, for pairs of user and movie, after a history."""
