"""The training loop: epochs of compiled steps, averaged weights, exact validation, early stopping.

The learning rate is constant and the model that is evaluated and kept is the running average of the
weights. The average gains what a decaying learning rate would, without having to know the last epoch in
advance, so training can stop whenever validation stops improving.
(Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging".)
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from movierec_cli.config import Optimizer, TrainingConfig
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.prefetch import made_ahead
from movierec_cli.models.trained import FitResult, Validation, require_finite
from movierec_cli.models.two_tower.large_tables import MOST_STEPS, RowWiseAdam
from movierec_cli.models.two_tower.two_tower import TwoTowerModel
from movierec_cli.registry.record import EpochRecord

AVERAGED_EPOCHS = 5.0
LARGE_MODEL = 1 << 24  # weights
ADAM_BETA_2 = 0.99  # .999 forgets too slowly: at twice the default rate training diverged

Weights = list[npt.NDArray[Any]]


def _are_many(variables: list[tf.Variable]) -> bool:
    """Whether a model with these weights is large."""
    return sum(int(np.prod(variable.shape)) for variable in variables) > LARGE_MODEL


class AveragedWeights:
    """A running average of a model's trained weights, over about so many steps; with 1, the weights.

    Of a large model it takes in every eighth step's, from the first on: reading and writing all weights is
    half of what an optimizer does, and in a horizon of a thousand steps eight neighbours hardly differ.

    Args:
        variables: the weights.
        horizon_steps: over how many they are averaged.
        settle: called before they are read.
    """

    def __init__(
        self, variables: list[tf.Variable], horizon_steps: float, settle: Callable[[], None] = lambda: None
    ):
        self.variables, self._settle = variables, settle
        self.averages = [tf.Variable(variable, trainable=False) for variable in variables]
        self._every = MOST_STEPS if _are_many(variables) and horizon_steps > 1 else 1
        self._horizon = max(horizon_steps / self._every, 1.0)
        self._passed = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._steps = tf.Variable(0.0, trainable=False)

    def update(self) -> None:
        """After a step: takes in its weights, if it is their turn."""
        if self._every == 1:
            self._take_in()
        else:
            tf.cond(self._passed.assign_add(1) % self._every == 1, self._take_in, lambda: None)

    def _take_in(self) -> None:
        """Early on the average spans a tenth of the steps so far."""
        self._settle()
        self._steps.assign_add(1.0)
        share = tf.maximum(1.0 / self._horizon, 10.0 / (9.0 + self._steps))
        for average, variable in zip(self.averages, self.variables, strict=True):
            # average += share * (variable - average), with one copy of a large table instead of two
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=share, delta=average - variable)

    def snapshot(self) -> Weights:
        """The average as arrays."""
        return [average.numpy() for average in self.averages]

    @contextmanager
    def applied(self) -> Iterator[Weights]:
        """The model computes with the average inside the block, with its own weights after it."""
        own = [variable.numpy() for variable in self.variables]
        average = self.snapshot()
        assign_weights(self.variables, average)
        try:
            yield average
        finally:
            assign_weights(self.variables, own)


# The legacy optimizers update a dense variable in one fused kernel, the newer ones in a dozen.
_OPTIMIZERS: dict[Optimizer, Callable[..., tf_keras.optimizers.Optimizer]] = {
    Optimizer.ADAM: partial(tf_keras.optimizers.legacy.Adam, beta_2=ADAM_BETA_2),
    Optimizer.ADAMW: tf_keras.optimizers.AdamW,
    Optimizer.ADAGRAD: tf_keras.optimizers.legacy.Adagrad,
}


def assign_weights(variables: list[tf.Variable], weights: Weights) -> None:
    """Puts arrays into variables, one for one."""
    for variable, value in zip(variables, weights, strict=True):
        variable.assign(value)


def _goes_by_rows(model: TwoTowerModel, config: TrainingConfig) -> bool:
    """Whether large tables are updated by rows, and as a whole when weights are averaged, which is seldom."""
    is_adam = config.optimizer is Optimizer.ADAM and model.max_gradient_norm is None
    return is_adam and config.average_weights and _are_many(model.trainable_variables)


class Fit:
    """One training of one model, an epoch at a time, with the seconds it takes."""

    def __init__(self, model: TwoTowerModel, config: TrainingConfig, averaged_epochs: float):
        self.model = model
        self.config = config
        self.batches = model.objective.batches
        clipping = {} if model.max_gradient_norm is None else {"clipnorm": model.max_gradient_norm}
        horizon = averaged_epochs * self.batches.n_batches if config.average_weights else 1.0
        self._large = model.large_ids if _goes_by_rows(model, config) else {}
        if self._large:
            optimizer = RowWiseAdam(config.learning_rate, ADAM_BETA_2, list(self._large.values()))
            self.average = AveragedWeights(model.trainable_variables, horizon, optimizer.settle)
        else:
            optimizer = _OPTIMIZERS[config.optimizer](config.learning_rate, **clipping)
            self.average = AveragedWeights(model.trainable_variables, horizon)
        model.compile(optimizer=optimizer)
        self._generator = np.random.default_rng(config.seed)
        self._step = tf.function(self._step_once, input_signature=[model.batch_signature])
        self.training_s = 0.0
        self.validation_s = 0.0

    def _step_once(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        if self._large:
            self.model.optimizer.catch_up([batch[rows] for rows in self._large])
        loss = self.model.train_step(batch)["loss"]
        self.average.update()
        return loss

    def epoch(self) -> float:
        """Trains on every interaction once; the mean loss in nats.

        Raises:
            MovierecError: the loss is no longer finite.
        """
        started = time.perf_counter()
        losses = [self._step(batch) for batch in made_ahead(self.batches.epoch(self._generator))]
        loss = float(np.mean([tensor.numpy() for tensor in losses]))
        if self.config.summed_loss:
            loss *= self.batches.n_batches / self.batches.interactions.n_interactions
        self.training_s += time.perf_counter() - started
        require_finite(loss, self.config)
        return loss

    def validated(
        self, epoch: int, train_loss: float, validate: Callable[[], Validation]
    ) -> tuple[EpochRecord, Weights, Validation]:
        """What `validate` finds of the averaged weights, as a record, these, and as it is."""
        started = time.perf_counter()
        with self.average.applied() as weights:
            validation = validate()
        self.validation_s += time.perf_counter() - started
        return validation.record(epoch, train_loss, self.training_s), weights, validation


def fit(
    model: TwoTowerModel,
    config: TrainingConfig,
    validate: Callable[[], Validation],
    observer: TrainingObserver,
    averaged_epochs: float = AVERAGED_EPOCHS,
) -> FitResult:
    """Trains until `num_epochs` or until `patience` validations in a row brought nothing better.

    Args:
        model: new, or with weights to start from.
        config: how long and how hard.
        validate: ranks the validation set with the model as it is.
        observer: hears of epochs and validations.
        averaged_epochs: over about how many the weights are averaged.
    """
    training = Fit(model, config, averaged_epochs)
    history: list[EpochRecord] = []
    kept: tuple[EpochRecord, Weights] | None = None
    highest: Validation | None = None
    for epoch in range(1, config.num_epochs + 1):
        loss = training.epoch()
        observer.learning_rate_used(epoch, config.learning_rate)
        observer.epoch_ended(epoch, config.num_epochs, loss)
        if epoch % config.validation_freq and epoch != config.num_epochs:
            continue
        record, weights, validation = training.validated(epoch, loss, validate)
        history.append(record)
        observer.validated(record)
        if kept is None or highest is None or validation.is_as_good_as(highest):
            kept = record, weights
            highest = validation if highest is None or validation.score > highest.score else highest
        elif config.patience and epoch - kept[0].epoch >= config.patience * config.validation_freq:
            break
    assert kept is not None  # num_epochs is 1 or more and the last epoch is validated
    assign_weights(model.trainable_variables, kept[1])
    return FitResult(
        training_s=training.training_s,
        validation_s=training.validation_s,
        history=tuple(history),
        best_epoch=kept[0].epoch,
        epochs_run=epoch,
    )


def fit_epochs(
    model: TwoTowerModel,
    config: TrainingConfig,
    num_epochs: int,
    observer: TrainingObserver,
    averaged_epochs: float = AVERAGED_EPOCHS,
) -> float:
    """Trains a model on, for exactly `num_epochs`, with nothing to validate on; the seconds it took."""
    training = Fit(model, config, averaged_epochs)
    for epoch in range(1, num_epochs + 1):
        loss = training.epoch()
        observer.learning_rate_used(epoch, config.learning_rate)
        observer.epoch_ended(epoch, num_epochs, loss)
    assign_weights(model.trainable_variables, training.average.snapshot())
    return training.training_s
