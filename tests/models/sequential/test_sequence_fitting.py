"""The loop: when it stops, which epoch it keeps, and how the learning rate goes."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, Family, Monitor, Optimizer, Schedule, TrainingConfig
from movierec_cli.errors import MovierecError
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Batches, Histories, RowMaker, newest_segments
from movierec_cli.models.sequential.sequence_fitting import (
    LOWEST_RATE,
    SequenceFit,
    fit_sequences,
    make_optimizer,
)
from movierec_cli.models.sequential.steps import StepShape
from movierec_cli.models.trained import Validation
from tests.models.heard import Heard
from tests.models.sequential.rings import N_FILMS, SIZES, ring_dataset
from tests.saved_runs import top_k


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    return SequenceModel(Family.GRU4REC, SIZES, NO_FEATURES, N_FILMS + 1, seed=0)


def scripted(model: SequenceModel, training: TrainingConfig) -> SequenceFit:
    """A training whose step puts its own number into every weight, so that weights tell their epoch."""
    histories = Histories.of(ring_dataset(), np.arange(200))
    maker = RowMaker(histories, np.ones(len(histories.rows), np.bool_), SIZES.max_length)
    batches = Batches(maker, newest_segments(histories, SIZES.max_length), 1000, pack=True)
    fit = SequenceFit(model, batches, StepShape(1000, 1, 1), training, np.ones(N_FILMS + 1, np.float32))

    def step(state, rows):
        number = state["step"] + 1
        weights = [jnp.full(one.shape, number, jnp.float32) for one in state["weights"]]
        return state | {"weights": weights, "step": number}, np.array([6.0, 2.0])

    fit._step = step
    return fit


def by_epoch(ndcg: dict[int, float]):
    """A validation that knows its epoch from the weights."""

    def validate(weights) -> Validation:
        score = ndcg[int(np.asarray(weights[0]).ravel()[0])]
        return Validation(score, top_k(0.5), ndcg=score)

    return validate


NDCG = {1: 0.1, 2: 0.2, 3: 0.9, 4: 0.3, 5: 0.25, 6: 0.3, 7: 0.8, 8: 0.28, 9: 0.5, 10: 0.29, 11: 1.0, 12: 0.3}


def test_training_stops_once_validations_bring_nothing_better(model, tmp_path):
    training = TrainingConfig(num_epochs=12, validation_freq=2, patience=3)
    heard = Heard()
    result = fit_sequences(scripted(model, training), by_epoch(NDCG), heard, tmp_path)
    # Odd epochs are not validated. The sixth is as good as the fourth, and so no better.
    assert [record.epoch for record in result.history] == [2, 4, 6, 8, 10]
    assert [record.ndcg for record in result.history] == [0.2, 0.3, 0.3, 0.28, 0.29]
    assert (result.best_epoch, result.epochs_run) == (4, 10)
    assert heard.epochs == list(range(1, 11))
    assert all((np.asarray(value) == 4).all() for value in model.weights())
    assert [record.train_loss for record in result.history] == [3.0] * 5


@pytest.mark.parametrize(
    ("monitor", "best"), [(None, 11), (Monitor.NDCG, 11), (Monitor.RECALL, 3), (Monitor.LOSS, 12)]
)
def test_what_is_monitored_chooses_the_epoch(model, tmp_path, monitor, best):
    def validate(weights) -> Validation:
        epoch = int(np.asarray(weights[0]).ravel()[0])
        recall = replace(top_k(0.5), recall={100: 1 / (1 + abs(epoch - 3))})
        return Validation(NDCG[epoch], recall, ndcg=NDCG[epoch], loss=13.0 - epoch)

    training = TrainingConfig(num_epochs=12, validation_freq=1, patience=0, monitor=monitor)
    result = fit_sequences(scripted(model, training), validate, Heard(), tmp_path)
    assert result.best_epoch == best
    assert all((np.asarray(value) == best).all() for value in model.weights())


def test_without_patience_all_epochs_are_run_and_the_last_is_validated(model, tmp_path):
    training = TrainingConfig(num_epochs=11, validation_freq=3, patience=0)
    result = fit_sequences(scripted(model, training), by_epoch(NDCG), Heard(), tmp_path)
    assert [record.epoch for record in result.history] == [3, 6, 9, 11]
    assert result.best_epoch == 11


def test_what_had_stopped_early_is_not_trained_on_when_it_is_taken_up(model, tmp_path):
    training = TrainingConfig(num_epochs=12, validation_freq=2, patience=3)
    first = fit_sequences(scripted(model, training), by_epoch(NDCG), Heard(), tmp_path)
    model.assign([np.zeros(one.shape) for one in model.variables])
    heard = Heard()
    again = fit_sequences(scripted(model, training), by_epoch(NDCG), heard, tmp_path)
    assert again == first
    assert (heard.resumed_at, heard.epochs) == ([10], [])
    assert all((np.asarray(value) == 4).all() for value in model.weights())


def test_a_loss_that_is_no_number_ends_training_with_the_rate_named(model, tmp_path):
    fit = scripted(model, TrainingConfig(learning_rate=12.5))
    fit._step = lambda state, rows: (state, np.array([np.nan, 2.0]))
    with pytest.raises(MovierecError, match=r"diverged .*12\.5"):
        fit_sequences(fit, by_epoch(NDCG), Heard(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def rates(schedule: Schedule, epochs: int, steps: int) -> list[float]:
    training = TrainingConfig(num_epochs=epochs, learning_rate=0.02)
    optimizer = make_optimizer(replace(SIZES, schedule=schedule), training, steps)
    found = []
    for step in range(epochs * steps + 1):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


def test_the_learning_rate_goes_up_in_the_first_epoch_and_down_along_half_a_cosine():
    steps, epochs = 4, 5
    found = rates(Schedule.COSINE, epochs, steps)
    lowest = 0.02 * LOWEST_RATE
    after = np.arange((epochs - 1) * steps + 1) / ((epochs - 1) * steps)
    np.testing.assert_allclose(
        found[steps:], lowest + (0.02 - lowest) * (1 + np.cos(np.pi * after)) / 2, rtol=1e-5
    )
    assert 0 < found[0] < found[1] < found[2] < found[3] < 0.02
    only_up = rates(Schedule.COSINE, 1, 4)
    assert only_up[:4] == sorted(only_up[:4]) and max(only_up) <= 0.02 * (1 + 1e-6)


def test_the_rate_that_is_told_is_that_of_an_epochs_last_step(model, tmp_path):
    fit, heard = scripted(model, TrainingConfig(num_epochs=5, learning_rate=0.02, patience=0)), Heard()
    fit_sequences(fit, by_epoch(NDCG), heard, tmp_path)
    n_steps = fit.batches.steps_per_epoch
    expected = rates(SIZES.schedule, 5, n_steps)[n_steps - 1 : -1 : n_steps]
    assert heard.rates == pytest.approx(expected) and len(set(expected)) > 1


def test_a_constant_rate_stays():
    assert rates(Schedule.CONSTANT, 2, 3) == pytest.approx([0.02] * 7)


@pytest.mark.parametrize("optimizer", list(Optimizer))
def test_every_optimizer_is_there(optimizer):
    made = make_optimizer(SIZES, TrainingConfig(optimizer=optimizer), 3)
    assert type(made).__name__.lower() == optimizer.value
