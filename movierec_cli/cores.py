"""Which cores of this machine a process may use, which part of them each of several gets, what they can."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def usable_cores() -> list[int]:
    """The numbers of those that this process may use.

    All that the system lets it use, or as many of them as OMP_NUM_THREADS says, which Ray sets for a task.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
    else:
        cores = list(range(os.cpu_count() or 1))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return cores[: int(wanted)] if wanted.isdecimal() and int(wanted) else cores


def has_bfloat16() -> bool:
    """Whether they multiply bfloat16 faster than float32. Only Linux on x86 says so; elsewhere: no."""
    try:
        said = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    flags = next((line for line in said.splitlines() if line.startswith("flags")), "").split()
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def part_of_cores(cores: Sequence[int], number: int, n_parts: int) -> list[int]:
    """Part `number` of `n_parts`, in one piece; one core, which others may have too, where there are fewer.

    Libraries start as many threads as a process has cores: were each of several given all of them, these
    threads would wait for each other.
    """
    if n_parts >= len(cores):
        return [cores[number % len(cores)]]
    return list(cores[len(cores) * number // n_parts : len(cores) * (number + 1) // n_parts])


@contextlib.contextmanager
def bound_to(cores: Sequence[int]) -> Iterator[None]:
    """Processes that this thread starts meanwhile may use these cores alone, where the system knows how."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
