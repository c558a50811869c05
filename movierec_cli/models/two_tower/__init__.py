"""Two towers on TensorFlow Recommenders."""
