"""An epoch as one compiled call on the devices, against its steps one after the other."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, FeatureSet, LossKind, TrainingConfig
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


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_an_epoch_on_devices_is_its_steps_and_moves_nothing_until_it_ends(model, stepped, devices):
    fit = new_fit(model, devices, on_device=True)
    run, guarded = fit.epochs.run, []

    def without_transfers(*given):
        with jax.transfer_guard("disallow_explicit"):
            guarded.append(run(*given))
        return guarded[-1]

    fit.epochs.run = without_transfers
    losses, by_steps = stepped
    np.testing.assert_allclose([fit.next_epoch() for _ in range(EPOCHS)], losses, rtol=1e-5)
    assert len(guarded) == EPOCHS and len(guarded[0][1]) == fit.batches.steps_per_epoch
    assert int(fit.state["step"]) == int(by_steps.state["step"])
    for mine, theirs in zip(fit.state["weights"], by_steps.state["weights"], strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), atol=1e-5)


def test_what_is_compiled_for_an_accelerator_is_kept_in_the_user_s_cache(monkeypatch, tmp_path):
    told: list[tuple[str, str]] = []
    config = SimpleNamespace(jax_compilation_cache_dir=None, update=lambda *given: told.append(given))
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
