"""What a model that predicts ratings has to beat."""
