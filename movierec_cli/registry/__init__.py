"""Trained models on disk: one folder a run under saved_models/, complete or absent."""
