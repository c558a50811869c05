"""The training loop: epochs of compiled steps, exact validation, early stopping, resuming."""

import time
from collections.abc import Callable, Iterable
from dataclasses import field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import Monitor, Optimizer, Schedule, SequenceConfig, TrainingConfig
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.sequential import checkpoint
from movierec_cli.models.sequential.checkpoint import Checkpoint, Weights
from movierec_cli.models.sequential.device_epochs import CALL_TOKENS, DeviceEpochs
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Batches, Columns
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup
from movierec_cli.models.sequential.steps import State, StepShape, compiled_step, step_functions
from movierec_cli.models.trained import FitResult, Validation, require_finite
from movierec_cli.records import dataclass
from movierec_cli.registry.record import EpochRecord

ADAM_BETA_2 = 0.999
WARM_UP_EPOCHS = 1
LOWEST_RATE = 0.01  # of the highest, in the last epoch


Validate = Callable[[list[jax.Array]], Validation]
"""Ranks the validation set with given weights; of what it finds, what is monitored chooses the epoch."""


def learning_rate_of(
    sequence: SequenceConfig, training: TrainingConfig, steps_per_epoch: int
) -> float | Callable[[int], Any]:
    """The learning rate, or its schedule: the rate of each step, from 0."""
    if sequence.schedule is not Schedule.COSINE:
        return training.learning_rate
    warm = WARM_UP_EPOCHS * steps_per_epoch
    schedule: Callable[[int], Any] = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=training.learning_rate / warm,
        decay_steps=max(1, training.num_epochs * steps_per_epoch - warm),
        alpha=LOWEST_RATE,
        warmup_target=training.learning_rate,
        warmup_steps=warm,
    )
    return schedule


def make_optimizer(
    sequence: SequenceConfig, training: TrainingConfig, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """The optimizer with its learning rate's schedule."""
    return _OPTIMIZERS[training.optimizer](learning_rate_of(sequence, training, steps_per_epoch))


_OPTIMIZERS: dict[Optimizer, Callable[[Any], keras.optimizers.Optimizer]] = {
    Optimizer.ADAM: lambda rate: keras.optimizers.Adam(rate, beta_2=ADAM_BETA_2),
    Optimizer.ADAMW: lambda rate: keras.optimizers.AdamW(rate),
    Optimizer.ADAGRAD: lambda rate: keras.optimizers.Adagrad(rate),
}


@dataclass
class SequenceFit:
    """One training of one model, an epoch at a time.

    Attributes:
        model: gives the first weights and the shapes.
        batches: what an epoch steps through.
        shape: how a step's rows are cut up.
        training: how long and how hard.
        probabilities: each movie's fraction of the targets.
        group: the processes that train together; all of them take every step and hold the same weights.
        devices: that this process computes on.
        on_device: whether many steps are one call and lie on the devices before it (`device_epochs`), as
            serves accelerators; then the process is alone.
    """

    model: SequenceModel
    batches: Batches
    shape: StepShape
    training: TrainingConfig
    probabilities: npt.NDArray[np.float32]
    group: ProcessGroup = ALONE
    devices: int = 1
    on_device: bool = False
    epoch: int = 0  # finished so far
    training_s: float = 0.0
    validation_s: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)
    best: Weights = field(default_factory=list)

    def __post_init__(self) -> None:
        optimizer = make_optimizer(self.model.config, self.training, self.batches.steps_per_epoch)
        optimizer.build(self.model.variables)
        functions = step_functions(
            self.model,
            optimizer,
            self.training.loss,
            self.shape,
            self.probabilities,
            self.training.seed,
            self.training.summed_loss,
        )
        if self.on_device:
            assert self.group.size == 1
            tokens = self.shape.rows * self.batches.maker.length
            at_once = min(self.batches.steps_per_epoch + 1, max(1, CALL_TOKENS // tokens))
            self.epochs = DeviceEpochs(functions, self.devices, at_once)
        else:
            self._step = compiled_step(functions, self.group, self.devices)
        self.state: State = {
            "weights": [jnp.copy(value) for value in self.model.weights()],
            "optimizer": [jnp.copy(variable.value) for variable in optimizer.variables],
            "step": jnp.int32(0),
        }

    def resume_from(self, saved: Checkpoint) -> None:
        """Continues from the checkpoint of another process."""
        self.epoch, self.history, self.best = saved.epoch, list(saved.history), saved.best
        self.training_s, self.validation_s = saved.training_s, saved.validation_s
        self.state = {
            "weights": [jnp.asarray(one) for one in saved.weights],
            "optimizer": [jnp.asarray(one) for one in saved.optimizer],
            "step": jnp.int32(saved.step),
        }

    def checkpoint(self) -> Checkpoint:
        """All that this training is."""
        return Checkpoint(
            epoch=self.epoch,
            step=int(self.state["step"]),
            training_s=self.training_s,
            validation_s=self.validation_s,
            history=tuple(self.history),
            weights=[np.asarray(one) for one in self.state["weights"]],
            optimizer=[np.asarray(one) for one in self.state["optimizer"]],
            best=self.best,
        )

    def next_epoch(self) -> float:
        """Trains on every segment once; the mean loss in nats.

        Raises:
            MovierecError: the loss is no longer finite.
        """
        started = time.perf_counter()
        # Drawn from the epoch's number, so that a resumed training sees what an uninterrupted one would.
        generator = np.random.default_rng([self.training.seed, self.epoch])
        steps = self.batches.epoch(generator)
        loss, weight = np.sum(self._in_blocks(steps) if self.on_device else self._stepped(steps), axis=0)
        self.epoch += 1
        self.training_s += time.perf_counter() - started
        require_finite(loss, self.training)
        return float(loss / weight)

    def _stepped(self, steps: Iterable[Columns]) -> list[npt.NDArray[np.float32]]:
        """Each step's summed loss and weight."""
        sums = []
        for rows in steps:
            self.state, of_step = self._step(self.state, rows)
            sums.append(of_step)
        return sums

    def _in_blocks(self, steps: Iterable[Columns]) -> npt.NDArray[np.float32]:
        """The same, [steps, 2]; what is 0 is of no step."""
        state, of_blocks = self.epochs.state(self.state), list[jax.Array]()
        for block in self.epochs.blocks(steps):
            state, sums = self.epochs.run(state, block)
            of_blocks.append(sums)
        self.state = state
        return np.concatenate([np.asarray(sums) for sums in of_blocks])

    @property
    def learning_rate(self) -> float:
        """Of the last step that was taken."""
        rate = learning_rate_of(self.model.config, self.training, self.batches.steps_per_epoch)
        return float(rate(int(self.state["step"]) - 1)) if callable(rate) else rate

    def validated(self, train_loss: float, validate: Validate) -> EpochRecord:
        """Validates the weights as they are, and keeps them if none were better."""
        started = time.perf_counter()
        validation = validate(self.state["weights"])
        self.validation_s += time.perf_counter() - started
        record = validation.record(self.epoch, train_loss, self.training_s)
        if not self.history or record.score(self._monitor) > self.best_record.score(self._monitor):
            self.best = [np.array(one) for one in self.state["weights"]]
        self.history.append(record)
        return record

    @property
    def best_record(self) -> EpochRecord:
        """Of the epoch that is best by what is monitored, the first of several."""
        return max(self.history, key=lambda record: record.score(self._monitor))

    @property
    def _monitor(self) -> Monitor:
        return self.training.monitor or Monitor.NDCG


def fit_sequences(
    fit: SequenceFit, validate: Validate, observer: TrainingObserver, checkpoint_folder: Path
) -> FitResult:
    """Trains until `num_epochs` or until `patience` validations in a row were not better.

    Args:
        fit: new.
        validate: ranks the validation set with given weights.
        observer: hears of epochs and validations.
        checkpoint_folder: where the first process saves the last finished epoch; all resume a checkpoint that
            is there.

    Returns:
        How it went; the model holds the best epoch's weights.

    Raises:
        MovierecError: training diverged, or `checkpoint_folder` is damaged or cannot be written.
    """
    config = fit.training
    saved = checkpoint.load(checkpoint_folder, fit.checkpoint(), fit.group)
    if saved is not None:
        fit.resume_from(saved)
        observer.resumed(fit.epoch)
    while fit.epoch < config.num_epochs and not _is_over(fit):
        loss = fit.next_epoch()
        observer.learning_rate_used(fit.epoch, fit.learning_rate)
        observer.epoch_ended(fit.epoch, config.num_epochs, loss)
        if fit.epoch % config.validation_freq == 0 or fit.epoch == config.num_epochs:
            observer.validated(fit.validated(loss, validate))
        if fit.group.rank == 0:
            checkpoint.save(fit.checkpoint(), checkpoint_folder)
    fit.model.assign(fit.best)
    return FitResult(
        training_s=fit.training_s,
        validation_s=fit.validation_s,
        history=tuple(fit.history),
        best_epoch=fit.best_record.epoch,
        epochs_run=fit.epoch,
    )


def _is_over(fit: SequenceFit) -> bool:
    if not fit.training.patience or not fit.history:
        return False
    waited = fit.history[-1].epoch - fit.best_record.epoch
    return waited >= fit.training.patience * fit.training.validation_freq
