"""Every runner does the same: the first runs here, so it is what the others are compared with."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.errors import DataError, MovierecError
from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.open_runner import open_runner
from movierec_cli.runners.runner import Runner, WorkerLostError
from tests.all_tests import ALL_TESTS
from tests.cli.running import check_row
from tests.runners import tasks

TABLE = {"table": np.arange(12.0).reshape(4, 3), "name": "sums"}


@pytest.fixture(scope="module")
def processes() -> Iterator[LocalProcesses]:
    with LocalProcesses(2) as runner:
        yield runner


@pytest.fixture(scope="module")
def cluster() -> Iterator[Runner]:
    """Of this machine alone; several machines are those of `tests/bench/cluster.py`."""
    if not ALL_TESTS:
        pytest.importorskip("ray", reason="`make test-all` installs it")
    from movierec_cli.runners.cluster import RayCluster

    with warnings.catch_warnings(), RayCluster("local", 2) as runner:
        warnings.simplefilter("ignore")  # Ray's own
        yield runner


@pytest.fixture(params=["here", "processes", "cluster"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "here":
        return InProcess()
    found: Runner = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["processes", "cluster"])
def apart(request: pytest.FixtureRequest) -> Runner:
    """Those that do tasks in other processes."""
    found: Runner = request.getfixturevalue(request.param)
    return found


def test_each_argument_has_its_result_and_is_told_of(runner: Runner) -> None:
    told: list[tuple[int, Any]] = []
    found = dict(runner.run(tasks.total, range(4), shared=TABLE, told=lambda *one: told.append(one)))
    assert {number: one for number, (_, one) in found.items()} == {0: 3.0, 1: 12.0, 2: 21.0, 3: 30.0}
    assert sorted(told) == [(number, ("began", number)) for number in range(4)]


def test_a_task_may_be_named_by_its_path(runner: Runner) -> None:
    ((number, found),) = runner.run("tests.runners.tasks:doubled", [[1, 2]])
    assert number == 0 and found.tolist() == [2, 4]


def test_a_question_is_answered(runner: Runner) -> None:
    assert dict(runner.run(tasks.ask_twice, [1, 2], told=lambda number, asked: asked + number)) == {
        0: 11,
        1: 24,
    }


def test_the_next_argument_may_depend_on_results(runner: Runner) -> None:
    done: list[int] = []

    def arguments() -> Iterator[int]:
        for number in range(6):
            assert len(done) >= number - runner.n_jobs + 1  # no more are on their way
            yield number

    for number, _ in runner.run(tasks.doubled, arguments()):
        done.append(number)
    assert sorted(done) == list(range(6))


def test_an_error_comes_back_with_its_sentence_and_the_runner_goes_on(runner: Runner) -> None:
    with pytest.raises(DataError, match=r"^a\.csv, line 3: has no column of users$") as caught:
        list(runner.run(tasks.refuse, range(3)))
    assert caught.value.line == 3
    assert len(list(runner.run(tasks.doubled, range(3)))) == 3


def test_arrays_are_shared_and_not_copied(runner: Runner) -> None:
    if isinstance(runner, InProcess):
        assert list(runner.run(tasks.is_copied, [None], shared=TABLE)) == [(0, (True, False))]
    else:
        assert list(runner.run(tasks.is_copied, [None], shared=TABLE)) == [(0, (False, False))]


def test_processes_are_kept(processes: LocalProcesses) -> None:
    first, second = (
        {process for _, (process, _) in processes.run(tasks.total, range(4), shared=TABLE)} for _ in range(2)
    )
    assert 1 <= len(first | second) <= 2


def test_an_error_that_cannot_travel_is_told_by_its_text(apart: Runner) -> None:
    with pytest.raises(RuntimeError, match="OddError: odd 0") as caught:
        list(apart.run(tasks.fail_oddly, range(1)))
    assert "fail_oddly" in str(caught.value)  # where it happened


def test_what_a_lost_worker_did_is_done_again(apart: Runner, tmp_path: Path) -> None:
    found = dict(apart.run(tasks.die_once, range(3), shared=str(tmp_path)))
    assert found == {0: 0, 1: 1, 2: 2}


def test_a_task_that_ends_every_worker_is_given_up(apart: Runner) -> None:
    with pytest.raises(WorkerLostError, match="lost 4 times over task 1 "):
        list(apart.run(tasks.die, range(1)))


def test_without_its_package_a_cluster_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where nobody else writes
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_row("1 | train --dataset sample --cluster local | pip install 'movierec[cluster]'")
    with pytest.raises(
        MovierecError, match=r"--cluster needs the package ray: pip install 'movierec\[cluster\]'"
    ):
        open_runner(cluster="auto")


def test_options_name_the_runner() -> None:
    assert isinstance(open_runner(), InProcess) and isinstance(open_runner(1), InProcess)
    assert open_runner(3) == LocalProcesses(3)
