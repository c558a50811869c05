"""Trained models for other programs: a SavedModel, an ONNX model, or plain arrays."""
