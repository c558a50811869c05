"""One compiled step: every device takes its rows in small parts, and their gradients are summed.

A part's intermediate values fit into a core's cache, which on a CPU is worth more than anything else. Losses
that compare the rows of a step with one another (in-batch) take all of a device's rows at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import LossKind, SequenceConfig
from movierec_cli.models.sequential.batches import Columns
from movierec_cli.models.sequential.devices import AXIS, over_devices, summed
from movierec_cli.models.sequential.dropout import reseeded
from movierec_cli.models.sequential.losses import (
    SEPARABLE,
    corrected_in_batch_softmax,
    in_batch_softmax,
)
from movierec_cli.models.sequential.model import SequenceModel

State = dict[str, Any]
"""`weights`, `optimizer` (lists of arrays) and `step` (int32): all that a training is."""


@dataclass(frozen=True)
class StepShape:
    """How a step's rows are shared out."""

    rows_a_part: int
    parts: int  # for each device, one after the other
    devices: int

    @property
    def rows(self) -> int:
        """Of a whole step."""
        return self.rows_a_part * self.parts * self.devices

    @classmethod
    def of(cls, config: SequenceConfig, loss: LossKind, positions: int, part: int, devices: int) -> StepShape:
        """For about so many positions (or windows) a step.

        Args:
            config: of the model.
            loss: what is minimised.
            positions: in a step, all in all.
            part: positions that a part has at most.
            devices: how many there are.
        """
        wanted = max(1, positions if config.windows else round(positions / config.max_length))
        devices = min(devices, wanted)
        if loss not in SEPARABLE:
            return cls(max(1, round(wanted / devices)), 1, devices)
        rows_a_part = max(1, min(part // config.max_length, wanted // devices))
        return cls(rows_a_part, max(1, round(wanted / devices / rows_a_part)), devices)


def compiled_step(
    model: SequenceModel,
    optimizer: keras.optimizers.Optimizer,
    loss: LossKind,
    shape: StepShape,
    probabilities: npt.NDArray[np.float32],
    seed: int,
) -> Callable[[State, Columns], tuple[State, jax.Array]]:
    """A function from a state and a step's rows to the next state and the summed loss and weight, [2].

    Args:
        model: gives the shapes; its own weights are not touched.
        optimizer: built for the model's weights.
        loss: what is minimised.
        shape: how rows are shared out.
        probabilities: each film's share of the targets.
        seed: of dropout and of drawn films.
    """
    gradients = _in_parts(model, loss, shape) if loss in SEPARABLE else _at_once(model, loss, probabilities)

    def step(state: State, rows: Columns) -> tuple[State, jax.Array]:
        of_step = reseeded(jnp.uint32(seed), state["step"].astype(jnp.uint32))
        own = reseeded(of_step, jax.lax.axis_index(AXIS).astype(jnp.uint32))
        sums, of_weights = summed(gradients(state["weights"], rows, own, of_step))
        divisor = 1.0 if model.config.summed_loss else jnp.maximum(sums[1], 1.0)
        scaled = [gradient / divisor for gradient in of_weights]
        weights, moments = optimizer.stateless_apply(state["optimizer"], scaled, state["weights"])
        return {"weights": weights, "optimizer": moments, "step": state["step"] + 1}, sums

    return over_devices(step, shape.devices, split=(False, True), split_result=False, donated=0)


_Gradients = Callable[[list[jax.Array], Columns, jax.Array, jax.Array], tuple[jax.Array, list[jax.Array]]]


def _in_parts(model: SequenceModel, loss: LossKind, shape: StepShape) -> _Gradients:
    number = model.config.num_negatives

    def part_loss(
        weights: list[jax.Array], tables: tuple[jax.Array, jax.Array], rows: Columns, seed: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        states, targets, learned = model.learned_states(weights, tables[0], rows, seed)
        loss_sum = SEPARABLE[loss](states, tables[1], targets, learned, reseeded(seed, 2**20), number)
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    differentiate = jax.grad(part_loss, argnums=(0, 1), has_aux=True)

    def gradients(
        weights: list[jax.Array], rows: Columns, own: jax.Array, of_step: jax.Array
    ) -> tuple[jax.Array, list[jax.Array]]:
        # Films are embedded once a step; what the parts want of them changed is brought back at the end.
        tables, tables_back = jax.vjp(model.tables, weights)

        def one(sums: Any, part: tuple[jax.Array, Columns]) -> tuple[Any, None]:
            number, columns = part
            of_part, sum_of_part = differentiate(weights, tables, columns, reseeded(own, number))
            return jax.tree.map(jnp.add, sums, (sum_of_part, of_part)), None

        split = {name: column.reshape(shape.parts, shape.rows_a_part, -1) for name, column in rows.items()}
        nothing = (jnp.zeros(2), jax.tree.map(jnp.zeros_like, (weights, tables)))
        numbers = jnp.arange(shape.parts, dtype=jnp.uint32)
        (sums, (of_weights, of_tables)), _ = jax.lax.scan(one, nothing, (numbers, split))
        (through_tables,) = tables_back(of_tables)
        return sums, jax.tree.map(jnp.add, of_weights, through_tables)

    return gradients


def _at_once(model: SequenceModel, loss: LossKind, probabilities: npt.NDArray[np.float32]) -> _Gradients:
    def whole(
        weights: list[jax.Array], rows: Columns, own: jax.Array, of_step: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        history, films = model.tables(weights)
        states, targets, learned = model.learned_states(weights, history, rows, own)
        mine = jax.lax.axis_index(AXIS) * len(targets) + jnp.arange(len(targets))
        candidates = jax.lax.all_gather(films[targets], AXIS, tiled=True)
        if loss is LossKind.IN_BATCH:
            loss_sum = in_batch_softmax(states, candidates, mine, learned)
        else:
            ids = jax.lax.all_gather(targets, AXIS, tiled=True)
            chances = jnp.asarray(probabilities)[ids]
            loss_sum = corrected_in_batch_softmax(states, candidates, mine, learned, ids, chances)
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    def gradients(
        weights: list[jax.Array], rows: Columns, own: jax.Array, of_step: jax.Array
    ) -> tuple[jax.Array, list[jax.Array]]:
        of_weights, sums = jax.grad(whole, has_aux=True)(weights, rows, own, of_step)
        return sums, of_weights

    return gradients
