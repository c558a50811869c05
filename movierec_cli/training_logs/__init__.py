"""Logs of trainings, each an observer: for TensorBoard, as CSV, to MLflow."""
