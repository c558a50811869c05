"""From what is typed to checked values: options, their help and their completion."""
