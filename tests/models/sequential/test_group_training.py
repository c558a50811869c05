"""A model that several processes train is the model that one trains."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family, LossKind, Processes, SequenceConfig
from movierec_cli.data.split import split_ratings
from movierec_cli.errors import MovierecError
from movierec_cli.models.feature_encodings import fit_features
from movierec_cli.models.sequential import group_training, sequence_learning
from movierec_cli.models.sequential.group_training import learn_together
from movierec_cli.models.sequential.process_group import ALONE, LostProcessError, ProcessGroup
from movierec_cli.models.sequential.sequence_learning import learn, make_model
from movierec_cli.models.sequential.shares import Share
from movierec_cli.models.sequential.steps import StepShape
from movierec_cli.models.trained import FitResult
from movierec_cli.runners.runner import WorkerLostError
from tests.models.heard import Heard
from tests.models.sequential.recorded_group import Recorded
from tests.models.sequential.rings import ring_config, ring_dataset
from tests.models.sequential.threaded_group import in_threads


def share_in(folder: Path, family: Family = Family.SASREC) -> Share:
    """All of a training on the ring whose checkpoints are in a folder."""
    dataset = ring_dataset()
    config = ring_config(family, num_epochs=8, validation_freq=3, loss=LossKind.SAMPLED)
    return Share(
        dataset=dataset,
        split=split_ratings(dataset.ratings, config.split),
        users=np.arange(len(dataset.users)),
        ratings=np.arange(len(dataset.ratings)),
        config=config,
        vocabularies=fit_features(dataset, np.arange(len(dataset.ratings)), config.feature_set),
        checkpoint=folder,
    )


Learned = tuple[list[np.ndarray], FitResult, list[tuple[float, float]]]


def learned_by(share: Share, size: int) -> list[Learned]:
    """What each of so many learns: weights, how it went, and the loss and weight of each step."""
    # Made one after the other, as threads share the generator that first weights are drawn from.
    models = [make_model(share.dataset, share.config, share.vocabularies) for _ in range(size)]

    def of_rank(group: ProcessGroup) -> Learned:
        recorded, model = Recorded(group), models[group.rank]
        result = learn(share.of_process(group.rank, size), model, Heard(), recorded)
        return [np.asarray(one) for one in model.weights()], result, recorded.steps

    return [of_rank(ALONE)] if size == 1 else list(in_threads(size, of_rank))


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda n: monkeypatch.setattr(sequence_learning, "usable_devices", lambda: n)


@pytest.fixture(scope="module")
def by_two(tmp_path_factory) -> list[Learned]:
    """What each of two learns, whom nothing disturbs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence_learning, "usable_devices", lambda: 1)
        return learned_by(share_in(tmp_path_factory.mktemp("two")), 2)


def test_two_processes_take_the_steps_of_one(devices, tmp_path, by_two):
    devices(2)
    ((weights, result, steps),) = learned_by(share_in(tmp_path), 1)
    assert len(steps) >= 50
    for others, other_result, other_steps in by_two:
        assert other_steps == steps
        assert other_result.best_epoch == result.best_epoch
        assert [one.epoch for one in other_result.history] == [3, 6, 8]
        for one, other in zip(result.history, other_result.history, strict=True):
            assert other.validation == one.validation
        assert all((one == other).all() for one, other in zip(weights, others, strict=True))


@pytest.mark.parametrize("family", [Family.SASREC, Family.HSTU])
def test_a_judged_model_is_trained_on_by_several(devices, tmp_path, family):
    share = share_in(tmp_path, family)
    start = [
        np.asarray(one) + 0.01
        for one in make_model(share.dataset, share.config, share.vocabularies).weights()
    ]
    share = replace(share, start=start, epochs_on_all=2)
    devices(2)
    ((weights, result, _),) = learned_by(share, 1)
    assert result.epochs_run == 2 and any((one != two).any() for one, two in zip(weights, start, strict=True))
    devices(1)
    for others, other_result, _ in learned_by(share, 2):
        assert other_result.epochs_run == 2
        assert all((one == other).all() for one, other in zip(weights, others, strict=True))


def test_each_process_holds_its_own_users_alone(tmp_path):
    whole = share_in(tmp_path)
    shares = [whole.of_process(rank, 3) for rank in range(3)]
    for table in ("users", "ratings"):
        every = np.concatenate([getattr(one, table) for one in shares])
        assert sorted(every.tolist()) == getattr(whole, table).tolist()
    ratings = whole.dataset.ratings
    for rank, own in enumerate(shares):
        own.require_own(rank, 3)
        with pytest.raises(AssertionError, match="of another process"):
            own.require_own((rank + 1) % 3, 3)
        assert own.dataset.users.user_id.tolist() == [*range(rank, len(whole.users), 3)]
        here = own.dataset.ratings
        assert (own.dataset.users.user_id[here.user_index] == ratings.user_index[own.ratings]).all()
        assert (here.movie_index == ratings.movie_index[own.ratings]).all()
        for part in ("train", "validation", "test"):
            expected = [row for row in getattr(whole.split, part) if ratings.user_index[row] % 3 == rank]
            assert own.ratings[getattr(own.split, part)].tolist() == expected
    # Of a share that was damaged on its way, nothing is learned.
    with pytest.raises(AssertionError):
        replace(shares[0], dataset=whole.dataset).require_own(0, 3)


class _Killer(Heard):
    """Kills one of the processes when an epoch ends."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.at, self.killed_s = epoch, 0.0

    def epoch_ended(self, epoch: int, num_epochs: int, train_loss: float) -> None:
        super().epoch_ended(epoch, num_epochs, train_loss)
        if epoch == self.at:
            multiprocessing.active_children()[-1].kill()
            self.killed_s = time.monotonic()


@pytest.mark.usefixtures("compiled_once")
def test_a_killed_process_ends_all_and_the_same_call_resumes_to_the_same_bits(tmp_path, by_two, monkeypatch):
    monkeypatch.setattr(group_training, "n_devices", lambda: 2)  # one for each process
    share, processes, killer = share_in(tmp_path), Processes(n_processes=2), _Killer(epoch=5)
    with pytest.raises(MovierecError, match=r"^process \d of 2 .* the same command goes on") as caught:
        learn_together(share, processes, killer)
    assert time.monotonic() - killer.killed_s < 20  # one or two on idle cores
    assert "--max_failures N" in str(caught.value)
    heard = Heard()
    weights, result = learn_together(share, processes, heard)
    assert heard.resumed_at and heard.epochs == [*range(heard.resumed_at[0] + 1, 9)]
    undisturbed, expected, _ = by_two[0]
    for one, other in zip(undisturbed, weights, strict=True):
        assert (one == other).all()
    for name in ("validation", "train_loss", "ndcg"):
        assert [getattr(one, name) for one in result.history] == [
            getattr(one, name) for one in expected.history
        ]


class _Failing:
    """A runner that loses a process so many times before a training succeeds."""

    n_jobs = 2

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures

    def __call__(self, n_jobs: int) -> "_Failing":
        return self

    def __enter__(self) -> "_Failing":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, task: Any, arguments: Any, *, shared: Any = None, told: Any = None) -> Iterator[Any]:
        for seat in arguments:
            told(seat.rank, ("starts", None))
        if self.failures:
            if isinstance(error := self.failures.pop(), LostProcessError):
                told(1, ("starts", None))
            raise error
        yield from [(0, ([], FitResult(training_s=1.0))), (1, None)]


class _Warned(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_processes_are_started_again_as_often_as_is_asked(tmp_path, failures):
    share, warned = share_in(tmp_path), _Warned()
    runner = _Failing([WorkerLostError("gone"), LostProcessError("unseen")][:failures])
    processes = Processes(n_processes=2, max_failures=1)
    if failures > 1:
        with pytest.raises(MovierecError, match=r"^gone\. The other processes were ended; the same command"):
            learn_together(share, processes, warned, runner)
        # It is said which process had begun twice.
        assert ["process 1 of 2 has ended, or was killed" in one for one in warned.warnings] == [True]
    else:
        assert learn_together(share, processes, warned, runner)[1].training_s == 1.0
        assert len(warned.warnings) == failures


def test_what_cannot_be_shared_out_is_refused():
    shape = StepShape.of(SequenceConfig(max_length=200), LossKind.CATALOGUE, 12_800, 6_400)
    with pytest.raises(
        MovierecError, match=r"64 rows is computed in 2 parts, which 3 processes cannot share"
    ):
        shape.lanes_of_process(3)
    shape = StepShape.of(SequenceConfig(), LossKind.CATALOGUE, 12_800, 800)
    assert [shape.lanes_of_process(size) for size in (1, 2, 3, 8)] == [8, 4, 3, 1]
