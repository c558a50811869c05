"""One step: every device takes its rows in micro-batches, and their gradients are summed.

A micro-batch's intermediate values fit into a core's cache, which on a CPU matters most. Devices
do not talk to each other: XLA's collectives for CPUs end the process when one of them is kept waiting, as a
busy or suspended machine does, so the sum is NumPy's. Where several processes train one model, each takes
the rows of its own devices, and the sums of the processes are summed once more. Losses that compare the rows
of a step with one another (in-batch) have one device and one micro-batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import LossKind, SequenceConfig
from movierec_cli.errors import MovierecError
from movierec_cli.models.sequential.dropout import reseeded
from movierec_cli.models.sequential.engine import AXIS, over_devices
from movierec_cli.models.sequential.losses import SEPARABLE, corrected_in_batch_softmax, in_batch_softmax
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Columns
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup
from movierec_cli.records import dataclass
from movierec_cli.text import counted

State = dict[str, Any]
"""`weights`, `optimizer` (lists of arrays) and `step` (int32): all that a training is."""


@dataclass(frozen=True)
class StepShape:
    """How a step's rows are shared out."""

    rows_per_micro_batch: int
    micro_batches: int  # for each device, one after the other
    devices: int  # of all processes

    @property
    def rows(self) -> int:
        """Of a whole step."""
        return self.rows_per_micro_batch * self.micro_batches * self.devices

    @classmethod
    def of(
        cls,
        config: SequenceConfig,
        loss: LossKind,
        tokens: int,
        micro_batch_tokens: int,
        devices: int,
        processes: int = 1,
    ) -> StepShape:
        """For about so many tokens (or windows) a step.

        Args:
            config: of the model.
            loss: what is minimised.
            tokens: in a step, all in all.
            micro_batch_tokens: of a micro-batch at most.
            devices: how many each process has.
            processes: how many share a step.

        Raises:
            MovierecError: there are more processes than rows.
        """
        wanted = max(1, tokens if config.windows else round(tokens / config.max_length))
        if loss not in SEPARABLE:
            return cls(wanted, 1, 1)
        if processes > wanted:
            raise MovierecError(
                f"a step of {tokens:,} {'windows' if config.windows else 'movies'} has"
                f" {counted(wanted, 'row')}, which {processes} processes cannot share; raise --batch_size, or"
                " use fewer processes"
            )
        devices = processes * min(devices, wanted // processes)
        rows_per_micro_batch = max(1, min(micro_batch_tokens // config.max_length, wanted // devices))
        return cls(rows_per_micro_batch, max(1, round(wanted / devices / rows_per_micro_batch)), devices)


def compiled_step(
    model: SequenceModel,
    optimizer: keras.optimizers.Optimizer,
    loss: LossKind,
    shape: StepShape,
    probabilities: npt.NDArray[np.float32],
    seed: int,
    summed: bool = False,
    group: ProcessGroup = ALONE,
) -> Callable[[State, Columns], tuple[State, npt.NDArray[np.float32]]]:
    """A function from a state and a step's rows to the next state and the summed loss and weight, [2].

    Rows are those of this process; the sums are those of all processes.

    Args:
        model: gives the shapes; its own weights are not touched.
        optimizer: built for the model's weights.
        loss: what is minimised.
        shape: how rows are shared out.
        probabilities: each movie's fraction of the targets.
        seed: of dropout and of sampled movies.
        summed: whether a step's loss is the sum over what is learned, not the mean.
        group: the processes that share a step, each of which has as many devices.
    """
    devices = shape.devices // group.size
    first_device = np.uint32(devices * group.rank)
    gradients = (
        _in_micro_batches(model, loss, shape) if loss in SEPARABLE else _at_once(model, loss, probabilities)
    )

    def of_device(weights: list[jax.Array], step: jax.Array, rows: Columns) -> jax.Array:
        # Numbered through all processes, so that what is drawn does not depend on who computes it.
        device = first_device + jax.lax.axis_index(AXIS).astype(jnp.uint32)
        own = reseeded(reseeded(jnp.uint32(seed), step), device)
        sums, of_weights = gradients(weights, rows, own)
        return jnp.concatenate([sums, *(one.reshape(-1) for one in of_weights)])[None]

    def update(state: State, found: jax.Array) -> State:
        divisor = 1.0 if summed else jnp.maximum(found[1], 1.0)
        scaled = _shaped(found[2:] / divisor, state["weights"])
        weights, optimizer_state = optimizer.stateless_apply(state["optimizer"], scaled, state["weights"])
        return {"weights": weights, "optimizer": optimizer_state, "step": state["step"] + 1}

    on_devices = over_devices(of_device, devices, split=(False, False, True))
    compiled_update = jax.jit(update, donate_argnums=0)

    def step(state: State, rows: Columns) -> tuple[State, npt.NDArray[np.float32]]:
        of_devices = np.asarray(on_devices(state["weights"], state["step"], rows))  # [devices, 2 + weights]
        found = group.summed(of_devices.sum(axis=0))
        of_step = found[:2].copy()  # a view would keep all gradients of the step
        return compiled_update(state, found), of_step

    return step


def _shaped(flat: jax.Array, like: list[jax.Array]) -> list[jax.Array]:
    """Cuts a vector into arrays of the shapes of others."""
    ends = np.cumsum([one.size for one in like])
    return [own.reshape(one.shape) for own, one in zip(jnp.split(flat, ends[:-1]), like, strict=True)]


_Gradients = Callable[[list[jax.Array], Columns, jax.Array], tuple[jax.Array, list[jax.Array]]]
"""From weights, one device's rows and its seed to the summed loss and weight, [2], and the gradients."""


def _in_micro_batches(model: SequenceModel, loss: LossKind, shape: StepShape) -> _Gradients:
    def micro_batch_loss(
        weights: list[jax.Array], tables: tuple[jax.Array, jax.Array], rows: Columns, seed: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        states, targets, learned = model.learned_states(weights, tables[0], rows, seed)
        loss_sum = SEPARABLE[loss](
            states, tables[1], targets, learned, reseeded(seed, 2**20), model.config.num_negatives
        )
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    differentiate = jax.grad(micro_batch_loss, argnums=(0, 1), has_aux=True)

    def gradients(
        weights: list[jax.Array], rows: Columns, own: jax.Array
    ) -> tuple[jax.Array, list[jax.Array]]:
        # Movies are embedded once a step; the gradients of all micro-batches are brought back at the end.
        tables, tables_back = jax.vjp(model.tables, weights)

        def one(sums: Any, micro_batch: tuple[jax.Array, Columns]) -> tuple[Any, None]:
            number, columns = micro_batch
            of_one, sums_of_one = differentiate(weights, tables, columns, reseeded(own, number))
            return jax.tree.map(jnp.add, sums, (sums_of_one, of_one)), None

        by_row = (shape.micro_batches, shape.rows_per_micro_batch, -1)
        split = {name: column.reshape(by_row) for name, column in rows.items()}
        nothing = (jnp.zeros(2), jax.tree.map(jnp.zeros_like, (weights, tables)))
        numbers = jnp.arange(shape.micro_batches, dtype=jnp.uint32)
        (sums, (of_weights, of_tables)), _ = jax.lax.scan(one, nothing, (numbers, split))
        (through_tables,) = tables_back(of_tables)
        return sums, jax.tree.map(jnp.add, of_weights, through_tables)

    return gradients


def _at_once(model: SequenceModel, loss: LossKind, probabilities: npt.NDArray[np.float32]) -> _Gradients:
    def whole(weights: list[jax.Array], rows: Columns, own: jax.Array) -> tuple[jax.Array, jax.Array]:
        history, movies = model.tables(weights)
        states, targets, learned = model.learned_states(weights, history, rows, own)
        own_place = jnp.arange(len(targets))
        if loss is LossKind.IN_BATCH:
            loss_sum = in_batch_softmax(states, movies[targets], own_place, learned)
        else:
            chances = jnp.asarray(probabilities)[targets]
            loss_sum = corrected_in_batch_softmax(
                states, movies[targets], own_place, learned, targets, chances
            )
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    def gradients(
        weights: list[jax.Array], rows: Columns, own: jax.Array
    ) -> tuple[jax.Array, list[jax.Array]]:
        of_weights, sums = jax.grad(whole, has_aux=True)(weights, rows, own)
        return sums, of_weights

    return gradients
