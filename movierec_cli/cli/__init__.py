"""The command line: one thin module a command. It parses, calls the library and prints."""

import gc

# A command makes some ten thousand objects while it is imported, and none of them is garbage: with Python's
# own thresholds, looking for some took 15 ms of `movierec recommend`.
gc.set_threshold(50_000, 20, 20)
