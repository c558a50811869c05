"""Runs trained by a runner: the same arrays wherever that is, and whoever listens hears of each."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import Family, SplitConfig
from movierec_cli.data.split_data import SplitData, split_data
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.models.observer import TrainingObserver, together
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.runners.in_process import InProcess
from movierec_cli.runners.local import LocalProcesses
from movierec_cli.runners.runner import Runner, resolved
from tests.cli import fake_trainer
from tests.saved_runs import run_config
from tests.small_dataset import small_dataset

FAMILIES = (Family.POPULARITY, Family.ITEM_KNN, Family.EASE, Family.IALS)


class Heard(TrainingObserver):
    """What is told, in its order."""

    def __init__(self) -> None:
        self.hooks: list[tuple[str, str]] = []

    def run_started(self, label: str, position: int, total: int) -> None:
        self.hooks.append(("started", label))

    def training_started(self, name: str, config: RunConfig) -> None:
        self.hooks.append(("training", config.label))

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        self.hooks.append(("epoch", str(epoch)))

    def training_stopped(self, error: BaseException) -> None:
        self.hooks.append(("stopped", str(error)))

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        self.hooks.append(("ended", run.record.config.label))

    def warned(self, message: str) -> None:
        self.hooks.append(("warned", message))


@pytest.fixture(scope="module")
def data() -> SplitData:
    return split_data(small_dataset(), SplitConfig())


def files(runs: Iterable[Run]) -> dict[str, bytes]:
    """Of all runs, but the records, which tell times."""
    paths = [path for run in runs for path in sorted(run.folder.glob("*.npz"))]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}


def test_processes_leave_the_same_arrays_as_this_one_and_each_run_is_told_of_whole(
    data: SplitData, tmp_path: Path
) -> None:
    configs = [RunConfig(family=family, split=data.config) for family in FAMILIES]
    here, apart = Heard(), Heard()
    own = train_or_load(data, configs, tmp_path / "here", here)
    others = train_or_load(data, configs, tmp_path / "apart", apart, runner=LocalProcesses(2))
    assert [run.record.config for run in others] == configs
    assert len(files(own)) >= 16
    assert files(own) == files(others)
    labels = [config.label for config in configs]
    expected = [(hook, label) for label in labels for hook in ("started", "training", "ended")]
    assert here.hooks == expected
    assert sorted(apart.hooks) == sorted(expected)
    assert [hook for hook, _ in apart.hooks] == ["started", "training", "ended"] * len(configs)
    again = Heard()
    assert files(train_or_load(data, configs, tmp_path / "apart", again, runner=LocalProcesses(2))) == files(
        own
    )
    assert again.hooks == [(hook, label) for label in labels for hook in ("started", "ended")]


class LosesWorkers(InProcess):
    """Does every task twice, as if the first worker had been lost just before its result came back."""

    def run(self, task: Any, arguments: Iterable[Any], **options: Any) -> Iterator[tuple[int, Any]]:
        do = resolved(task)
        yield from super().run(lambda *given: [do(*given), do(*given)][1], arguments, **options)


def test_a_training_whose_worker_was_lost_is_said_to_begin_again_and_leaves_one_run(
    data: SplitData, tmp_path: Path
) -> None:
    heard = Heard()
    config = RunConfig(family=Family.POPULARITY, split=data.config)
    (run,) = train_or_load(data, [config], tmp_path, heard, runner=LosesWorkers())
    assert heard.hooks == [
        ("started", "popularity"),
        ("training", "popularity"),
        ("warned", f"a worker was lost; {run.record.name} is trained again"),
        ("training", "popularity"),
        ("ended", "popularity"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == [run.record.name]


@pytest.mark.parametrize("runner", [InProcess(), LosesWorkers()], ids=["whole", "lost"])
def test_a_failed_training_is_told_of(
    data: SplitData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: Runner
) -> None:
    fake_trainer.install(monkeypatch)
    fake_trainer.interrupt_after.append(0)
    heard = Heard()
    with pytest.raises(KeyboardInterrupt):
        train_or_load(data, [run_config()], tmp_path, heard, runner=runner)
    assert [hook for hook, _ in heard.hooks] == ["started", "training", "stopped"]


def test_what_is_told_of_runs_at_once_reaches_each_observer_run_by_run() -> None:
    first, second = Heard(), Heard()
    whole = together(first, second)
    one, other = whole.of_run(), whole.of_run()
    one.run_started("one", 1, 2)
    other.run_started("other", 2, 2)
    one.epoch_ended(1, 2, 0.5)
    other.warned("at once")
    other.epoch_ended(7, 8, 0.5)
    other.training_stopped(MovierecError("diverged"))
    one.epoch_ended(2, 2, 0.5)
    assert first.hooks == [
        ("warned", "at once"),
        ("started", "other"),
        ("epoch", "7"),
        ("stopped", "diverged"),
    ]
    assert second.hooks == first.hooks
