"""Memory that is freed and asked for again with every block of a large array."""

import ctypes
import gc
import sys
from typing import Any

LARGE_TABLE = 1 << 24  # bytes
MANY_RATINGS = 5_000_000
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of mallopt(3)
_LARGEST_KEPT, _KEPT = 1 << 25, 1 << 30


def keep_freed_memory() -> None:
    """Makes this process keep what it frees, 1 GiB at most, in one pool; where glibc is not, does nothing.

    NumPy makes and frees arrays of 10 to 30 MB for each block of scores. By default these go back to the
    system, which clears them before they are used again: that takes as long as computing with them. Larger
    ones do so still, as keeping them leaves holes that nothing fits into (measured: four times the memory).
    To be called before threads are started, each of which would get a pool. TensorFlow's arrays are kept by
    its own allocator, see `tensorflow_start`.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def give_back_memory(n_ratings: int) -> None:
    """Between trainings on many ratings: frees what these do not need any more, and what was kept of it.

    A compiled function and its model refer to each other, so that Python does not free them by itself; with
    them goes what they were trained on, half a gigabyte of 26 million ratings. Of fewer than `MANY_RATINGS`
    looking for them would take longer than is gained.
    """
    if n_ratings < MANY_RATINGS:
        return
    gc.collect()
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Any:
    """A function of the C library, None where it has none of that name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
