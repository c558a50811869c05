"""Damage to one file."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.bench.damage import DAMAGES


def rewrite(file: Path, content: bytes) -> None:
    """Makes a file anew, beside which another name of the old one is as it was."""
    file.unlink()
    file.write_bytes(content)


def damaged_content(name: str, content: bytes, kind: str, seed: int) -> bytes:
    """Other content, by one of `DAMAGES`; the first half where a file cannot be damaged in that way."""
    for attempt in range(20):
        with suppress(ValueError, TypeError, IndexError, KeyError):
            damaged = DAMAGES[kind](content, np.random.default_rng([seed, attempt, len(name)]))
            if damaged != content:
                return damaged
    return content[: len(content) // 2]
