"""Many steps as one compiled call on the devices, against these steps one after the other."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, FeatureSet, LossKind, TrainingConfig
from movierec_cli.models.sequential import sequence_fitting
from movierec_cli.models.sequential.engine import keep_compiled
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Batches, Histories, RowMaker, all_segments
from movierec_cli.models.sequential.sequence_fitting import SequenceFit
from movierec_cli.models.sequential.steps import StepShape
from tests.models.sequential.rings import N_FILMS, SIZES, ring_dataset

EPOCHS = 3
SHAPE = StepShape(1, 1, 4)
TRAINING = TrainingConfig(num_epochs=EPOCHS, loss=LossKind.SAMPLED, learning_rate=0.01)


@pytest.fixture(scope="module", params=[Family.GRU4REC, Family.HSTU])
def model(request) -> SequenceModel:
    times = FeatureSet.parse(["time_gap", "query_time"]) if request.param is Family.HSTU else NO_FEATURES
    return SequenceModel(request.param, SIZES, times, N_FILMS + 1, seed=0)


def new_fit(model: SequenceModel, devices: int, on_device: bool) -> SequenceFit:
    dataset = ring_dataset()
    histories = Histories.of(dataset, np.arange(len(dataset.ratings)))
    maker = RowMaker(histories, np.ones(len(histories.rows), np.bool_), SIZES.max_length)
    batches = Batches(maker, all_segments(histories, SIZES.max_length), SHAPE.rows, pack=True)
    chances = np.ones(N_FILMS + 1, np.float32)
    return SequenceFit(model, batches, SHAPE, TRAINING, chances, devices=devices, on_device=on_device)


@pytest.fixture(scope="module")
def stepped(model) -> tuple[list[float], SequenceFit]:
    fit = new_fit(model, 1, on_device=False)
    losses = [fit.next_epoch() for _ in range(EPOCHS)]
    assert int(fit.state["step"]) >= 50
    return losses, fit


@pytest.mark.parametrize(("devices", "steps_at_once"), [(1, 1000), (2, 1000), (4, 1000), (4, 7)])
def test_steps_on_devices_are_those_of_cpus_and_move_nothing_to_the_host(
    model, stepped, devices, steps_at_once, monkeypatch
):
    monkeypatch.setattr(sequence_fitting, "CALL_TOKENS", steps_at_once * SHAPE.rows * SIZES.max_length)
    fit = new_fit(model, devices, on_device=True)
    run, guarded = fit.epochs.run, []

    def without_transfers(*given):
        with jax.transfer_guard("disallow_explicit"):
            guarded.append(run(*given))
        return guarded[-1]

    fit.epochs.run = without_transfers
    losses, by_steps = stepped
    np.testing.assert_allclose([fit.next_epoch() for _ in range(EPOCHS)], losses, rtol=1e-5)
    n_steps = int(by_steps.state["step"])
    each = [np.count_nonzero(np.asarray(sums)[:, 1]) for _, sums in guarded]
    assert sum(each) == n_steps == int(fit.state["step"])
    assert max(each) == min(steps_at_once, max(each)) and (len(each) == EPOCHS) is (steps_at_once == 1000)
    for mine, theirs in zip(fit.state["weights"], by_steps.state["weights"], strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=1e-5)


def test_two_blocks_of_steps_are_there_at_most(model, monkeypatch):
    """However many steps an epoch has: one is used, and the next one made meanwhile."""
    monkeypatch.setattr(sequence_fitting, "CALL_TOKENS", 3 * SHAPE.rows * SIZES.max_length)
    fit, made, used = new_fit(model, 1, on_device=True), [], []
    make, run = RowMaker.rows, fit.epochs.run
    monkeypatch.setattr(RowMaker, "rows", lambda *given, **named: made.append(1) or make(*given, **named))

    def counted(*given):
        used.append(3)
        assert len(made) <= sum(used) + 3 + 2  # and a step that is made ahead of the block, and one begun
        return run(*given)

    fit.epochs.run = counted
    fit.next_epoch()
    assert len(used) > 4 and len(made) == int(fit.state["step"])


def test_what_is_compiled_for_an_accelerator_is_kept_in_the_user_s_cache(monkeypatch, tmp_path):
    told: list[tuple[str, str]] = []
    config = SimpleNamespace(
        jax_compilation_cache_dir=None,
        jax_default_device=None,
        update=lambda *given: told.append(given),
    )
    monkeypatch.setattr(jax, "config", config)
    monkeypatch.setenv("MOVIEREC_CACHE_DIR", str(tmp_path))
    keep_compiled()
    assert told == []  # CPUs have enough of what is compiled in seconds
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    keep_compiled()
    assert told == [("jax_compilation_cache_dir", str(tmp_path / "compiled"))]
    (tmp_path / "compiled").chmod(0o777)  # others could put programs there
    keep_compiled()
    config.jax_compilation_cache_dir = "elsewhere"
    keep_compiled()
    assert len(told) == 1
