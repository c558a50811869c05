"""Whether a result is too good: named findings, each with the flag that mends it."""
