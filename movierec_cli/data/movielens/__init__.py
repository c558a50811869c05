"""What is particular to MovieLens: its layouts, codes and addresses."""
