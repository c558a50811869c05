"""Batches made ahead are the same, in the same order, and fail where they would have failed."""

import threading
from collections.abc import Iterator

import pytest

from movierec_cli.models.prefetch import made_ahead


def test_the_next_batch_is_made_while_one_is_used():
    made = [threading.Event() for _ in range(4)]

    def batches() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    found = made_ahead(batches())
    for number in range(4):
        assert next(found) == number
        if number < 3:
            assert made[number + 1].wait(5)
    assert next(found, None) is None


def test_an_error_comes_after_what_was_made_before_it():
    def batches() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    found = made_ahead(batches())
    assert next(found) == 1
    with pytest.raises(ValueError, match="no more"):
        next(found)
