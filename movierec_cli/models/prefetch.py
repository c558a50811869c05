"""Batches that are made while the step before is taken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def made_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """What an iterator yields, the next one made in a thread while one is used.

    They come in the same order, and an exception where it would have come.
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
