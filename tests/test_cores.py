"""Which cores a process may use, and how several share them."""

import subprocess
import sys
from pathlib import Path

import pytest

from movierec_cli.cores import bound_to, has_bfloat16, part_of_cores, usable_cores


@pytest.mark.parametrize(
    ("n_parts", "parts"),
    [
        (1, [[2, 3, 5, 7, 8]]),
        (2, [[2, 3], [5, 7, 8]]),
        (3, [[2], [3, 5], [7, 8]]),
        (5, [[2], [3], [5], [7], [8]]),
        (7, [[2], [3], [5], [7], [8], [2], [3]]),
    ],
)
def test_each_of_several_has_a_part_of_the_cores(n_parts: int, parts: list[list[int]]) -> None:
    assert [part_of_cores([2, 3, 5, 7, 8], number, n_parts) for number in range(n_parts)] == parts


def test_no_more_are_used_than_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    every = usable_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert usable_cores() == every[:1]
    for unlimited in ("", "0", "many", "100000"):
        monkeypatch.setenv("OMP_NUM_THREADS", unlimited)
        assert usable_cores() == every


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a thread to cores")
def test_a_process_that_is_started_bound_keeps_to_its_cores() -> None:
    before = usable_cores()
    asked = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    with bound_to(before[-1:]):
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert told.split() == [f"[{before[-1]}]"] and usable_cores() == before


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 erms\n", True),
        ("processor : 0\nflags\t\t: fpu amx_bf16\n", True),
        ("processor : 0\nmodel name : avx512_bf16\nflags\t\t: fpu avx2 avx512f\n", False),
        ("Features : fp asimd bf16\n", False),
        ("", False),
    ],
)
def test_a_cpu_multiplies_bfloat16_if_its_flags_say_so(
    told: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *given: told)
    assert has_bfloat16() is expected


def test_a_system_that_tells_no_flags_multiplies_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*given: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert not has_bfloat16()
