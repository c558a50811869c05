"""From scores to exact ranks, and from ranks to numbers."""
