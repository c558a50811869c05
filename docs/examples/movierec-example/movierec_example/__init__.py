"""One feature, family, metric and layout of one's own for movierec."""
