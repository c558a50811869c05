"""One step: its rows are cut into lanes, every lane into micro-batches, and all gradients are summed.

A micro-batch's intermediate values fit into a core's cache, which on a CPU matters most. How many lanes a
step has, and which rows each, follows from the configuration. Lanes are shared out among the devices of all
processes; wherever a lane is computed, it is by the same compiled function and with the same random numbers,
and lanes are added in pairs of neighbours, then pairs of these sums. What is compiled sums in an order that
does not follow the number of threads (`products`). So the bits of a step depend neither on how many cores or
devices compute it, nor on how many processes where their number is a power of two. (Of three, each takes
lanes that are no half or quarter of all: rounding differs.)

Devices do not talk to each other: XLA's collectives for CPUs end the process when one of them is kept
waiting, as a busy or suspended machine does, so their sums are added by NumPy. Losses that compare the rows
of a step with one another (in-batch) have one lane and one micro-batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from movierec_cli.config import LossKind, SequenceConfig
from movierec_cli.errors import MovierecError
from movierec_cli.models.sequential.dropout import reseeded
from movierec_cli.models.sequential.engine import MOST_DEVICES, OverDevices, products_of
from movierec_cli.models.sequential.losses import SEPARABLE, corrected_in_batch_softmax, in_batch_softmax
from movierec_cli.models.sequential.model import SequenceModel
from movierec_cli.models.sequential.packed_batches import Columns
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup, added_in_pairs
from movierec_cli.records import dataclass
from movierec_cli.text import counted

State = dict[str, Any]
"""`weights`, `optimizer` (lists of arrays) and `step` (int32): all that a training is."""


@dataclass(frozen=True)
class StepShape:
    """How a step's rows are cut up, whoever computes them."""

    rows_per_micro_batch: int
    micro_batches: int  # of a lane, one after the other
    lanes: int  # a power of two

    @property
    def rows(self) -> int:
        """Of a whole step."""
        return self.rows_per_lane * self.lanes

    @property
    def rows_per_lane(self) -> int:
        """In all of its micro-batches."""
        return self.rows_per_micro_batch * self.micro_batches

    @classmethod
    def of(
        cls, config: SequenceConfig, loss: LossKind, tokens: int, micro_batch_tokens: int | None
    ) -> StepShape:
        """For about so many tokens (or windows) a step.

        There are as many lanes as have a full micro-batch each, `MOST_DEVICES` at most, but two where there
        are two rows, so that two cores are used.

        Args:
            config: of the model.
            loss: what is minimised.
            tokens: in a step, all in all.
            micro_batch_tokens: of a micro-batch at most; None: a lane is one, and there are as many lanes as
                can be, which serves accelerators.
        """
        wanted = max(1, tokens if config.windows else round(tokens / config.max_length))
        if loss not in SEPARABLE:
            return cls(wanted, 1, 1)
        if micro_batch_tokens is None:
            lanes = min(power_of_two(wanted), MOST_DEVICES)
            return cls(max(1, round(wanted / lanes)), 1, lanes)
        most = max(1, micro_batch_tokens // config.max_length)
        lanes = min(power_of_two(max(wanted // most, min(wanted, 2))), MOST_DEVICES)
        of_lane = max(1, round(wanted / lanes))
        micro_batches = -(-of_lane // most)
        return cls(-(-of_lane // micro_batches), micro_batches, lanes)

    def lanes_of_process(self, size: int) -> int:
        """How many lanes each of some processes computes; where they are more than there are, some are empty.

        Raises:
            MovierecError: there are fewer lanes than processes.
        """
        if size > self.lanes:
            raise MovierecError(
                f"a step of {counted(self.rows, 'row')} is computed in {counted(self.lanes, 'part')}, which"
                f" {size} processes cannot share; raise --batch_size, or use fewer processes"
            )
        return -(-self.lanes // size)


def power_of_two(number: int) -> int:
    """The largest that is not above it."""
    return 1 << (number.bit_length() - 1)


OfLane = Callable[[list[jax.Array], jax.Array, jax.Array, Columns], jax.Array]
"""From `SequenceModel.parts`, the step's number, the lane's and its rows to a vector: the summed loss, the
weight, and the gradients of the parts."""
Update = Callable[[State, jax.Array], State]
"""From a state and the sum of these vectors to the next state."""


@dataclass(frozen=True)
class StepFunctions:
    """What a step is made of, to be compiled."""

    shape: StepShape
    parts: Callable[[list[jax.Array]], list[jax.Array]]
    of_lane: OfLane
    update: Update


def step_functions(
    model: SequenceModel,
    optimizer: keras.optimizers.Optimizer,
    loss: LossKind,
    shape: StepShape,
    probabilities: npt.NDArray[np.float32],
    seed: int,
    summed: bool = False,
) -> StepFunctions:
    """Of one training.

    Args:
        model: gives the shapes; its own weights are not touched.
        optimizer: built for the model's weights.
        loss: what is minimised.
        shape: how rows are cut up.
        probabilities: each movie's fraction of the targets.
        seed: of dropout and of sampled movies.
        summed: whether a step's loss is the sum over what is learned, not the mean.

    Raises:
        MovierecError: the model's precision is not to be had on this machine.
    """
    gradients = (
        _in_micro_batches(model, loss, shape) if loss in SEPARABLE else _at_once(model, loss, probabilities)
    )

    products_of(model.config.precision)  # refuses what this machine has not

    def of_lane(parts: list[jax.Array], step: jax.Array, number: jax.Array, rows: Columns) -> jax.Array:
        own = reseeded(reseeded(jnp.uint32(seed), step), number)
        with products_of(model.config.precision):
            sums, of_parts = gradients(parts, rows, own)
        return jnp.concatenate([sums, *(one.reshape(-1) for one in of_parts)])

    def update(state: State, found: jax.Array) -> State:
        divisor = 1.0 if summed else jnp.maximum(found[1], 1.0)
        parts, back = jax.vjp(model.parts, state["weights"])
        (scaled,) = back(_shaped(found[2:] / divisor, parts))
        weights, optimizer_state = optimizer.stateless_apply(state["optimizer"], scaled, state["weights"])
        return {"weights": weights, "optimizer": optimizer_state, "step": state["step"] + 1}

    return StepFunctions(shape, model.parts, of_lane, update)


def compiled_step(
    functions: StepFunctions, group: ProcessGroup = ALONE, devices: int = 1
) -> Callable[[State, Columns], tuple[State, npt.NDArray[np.float32]]]:
    """A function from a state and a step's rows to the next state and the summed loss and weight, [2].

    Rows are those of this process; the sums are those of all processes.

    Args:
        functions: of the training.
        group: the processes that share a step.
        devices: that this process has; it uses a power of two of them.
    """
    shape = functions.shape
    own_lanes = shape.lanes_of_process(group.size)
    devices = power_of_two(min(devices, own_lanes))
    turns = -(-own_lanes // devices)
    own = np.arange(devices * turns).reshape(devices, turns)
    # Numbered through all processes, so that what is drawn is the lane's.
    lanes = (group.rank * own_lanes + own).astype(np.uint32)  # [devices, turns]
    is_there = (own < own_lanes) & (lanes < shape.lanes)

    def of_device(shared: tuple[list[jax.Array], jax.Array], one: tuple[jax.Array, Columns]) -> jax.Array:
        (parts, step), (lane, rows) = shared, one
        return functions.of_lane(parts, step, lane[0], rows)[None]

    parts_of = jax.jit(functions.parts)
    on_devices = OverDevices(of_device, devices)
    add = jax.jit(jnp.add, donate_argnums=0)
    compiled_update = jax.jit(functions.update, donate_argnums=0)

    def step(state: State, rows: Columns) -> tuple[State, npt.NDArray[np.float32]]:
        shared = on_devices.shared((parts_of(state["weights"]), state["step"]))
        by_lane = {name: _by_lane(column, lanes.shape, shape.rows_per_lane) for name, column in rows.items()}
        found = (
            on_devices(shared, (lanes[:, turn], _of_turn(by_lane, turn)), is_there[:, turn])
            for turn in range(turns)
        )
        of_devices = np.asarray(added_as_they_come(found, add))[:devices]  # [devices, 2 + gradients]
        of_all = group.summed(added_in_pairs(list(of_devices)))
        of_step = of_all[:2].copy()  # a view would keep all gradients of the step
        return compiled_update(state, of_all), of_step

    return step


def _by_lane(column: npt.NDArray[np.int32], lanes: tuple[int, ...], rows: int) -> npt.NDArray[np.int32]:
    """[n, length] to [devices, turns, rows of a lane, length]; lanes that lack are empty."""
    lacking = math.prod(lanes) * rows - len(column)
    return np.pad(column, ((0, lacking), (0, 0))).reshape(*lanes, rows, -1)


def _of_turn(by_lane: Columns, turn: int) -> Columns:
    """The rows that the devices compute at the same time, a lane each."""
    return {name: column[:, turn].reshape(-1, column.shape[-1]) for name, column in by_lane.items()}


def added_as_they_come(parts: Iterable[jax.Array], add: Callable[[Any, Any], jax.Array]) -> jax.Array:
    """`added_in_pairs`, but only those parts are kept that wait for others."""
    waiting: list[jax.Array] = []
    for number, part in enumerate(parts):
        n_pairs = (~number & (number + 1)).bit_length() - 1  # that end here: the ones that `number` ends in
        for _ in range(n_pairs):
            part = add(waiting.pop(), part)
        waiting.append(part)
    while len(waiting) > 1:
        last = waiting.pop()
        waiting.append(add(waiting.pop(), last))
    return waiting[0]


def _shaped(flat: jax.Array, like: list[jax.Array]) -> list[jax.Array]:
    """Cuts a vector into arrays of the shapes of others."""
    ends = np.cumsum([one.size for one in like])
    return [own.reshape(one.shape) for own, one in zip(jnp.split(flat, ends[:-1]), like, strict=True)]


_Gradients = Callable[[list[jax.Array], Columns, jax.Array], tuple[jax.Array, list[jax.Array]]]
"""From `SequenceModel.parts`, a lane's rows and its seed to its loss and weight, [2], and its gradients."""


def _in_micro_batches(model: SequenceModel, loss: LossKind, shape: StepShape) -> _Gradients:
    def micro_batch_loss(
        parts: list[jax.Array], rows: Columns, seed: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        history, movies = model.tables_in(parts)
        states, targets, learned = model.learned_states(parts, history, rows, seed)
        loss_sum = SEPARABLE[loss](
            states, movies, targets, learned, reseeded(seed, 2**20), model.config.num_negatives
        )
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    differentiate = jax.grad(micro_batch_loss, has_aux=True)

    def gradients(parts: list[jax.Array], rows: Columns, own: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        def one(sums: Any, micro_batch: tuple[jax.Array, Columns]) -> tuple[Any, None]:
            number, columns = micro_batch
            of_one, sums_of_one = differentiate(parts, columns, reseeded(own, number))
            return jax.tree.map(jnp.add, sums, (sums_of_one, of_one)), None

        by_row = (shape.micro_batches, shape.rows_per_micro_batch, -1)
        split = {name: column.reshape(by_row) for name, column in rows.items()}
        nothing = (jnp.zeros(2), jax.tree.map(jnp.zeros_like, parts))
        numbers = jnp.arange(shape.micro_batches, dtype=jnp.uint32)
        found: tuple[jax.Array, list[jax.Array]] = jax.lax.scan(one, nothing, (numbers, split))[0]
        return found

    return gradients


def _at_once(model: SequenceModel, loss: LossKind, probabilities: npt.NDArray[np.float32]) -> _Gradients:
    def whole(parts: list[jax.Array], rows: Columns, own: jax.Array) -> tuple[jax.Array, jax.Array]:
        history, movies = model.tables_in(parts)
        states, targets, learned = model.learned_states(parts, history, rows, own)
        own_place = jnp.arange(len(targets))
        if loss is LossKind.IN_BATCH:
            loss_sum = in_batch_softmax(states, movies[targets], own_place, learned)
        else:
            chances = jnp.asarray(probabilities)[targets]
            loss_sum = corrected_in_batch_softmax(
                states, movies[targets], own_place, learned, targets, chances
            )
        return loss_sum, jnp.stack([loss_sum, learned.sum()])

    def gradients(parts: list[jax.Array], rows: Columns, own: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        of_parts, sums = jax.grad(whole, has_aux=True)(parts, rows, own)
        return sums, of_parts

    return gradients
