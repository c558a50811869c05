"""Inference with saved models in NumPy: no training engine is imported."""
