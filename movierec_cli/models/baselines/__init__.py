"""What a trained model has to beat. None of them needs TensorFlow."""
