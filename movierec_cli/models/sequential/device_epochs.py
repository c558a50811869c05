"""Steps by the hundred as one compiled call, for accelerators: these steps lie on them before it begins.

The steps are those of `steps`: the same lanes with the same random numbers, added in the same order. Several
devices of a process share a step's lanes, each of which computes its own side by side, and then all of them
the sum. Nothing moves to the host before the epoch ends, and the next call's steps are made and moved to the
devices meanwhile. For CPUs `steps` is faster, as a core's cache holds one micro-batch and not a step.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.sharding import NamedSharding, PartitionSpec

from movierec_cli.models.prefetch import made_ahead
from movierec_cli.models.sequential.engine import AXIS, mesh_of
from movierec_cli.models.sequential.packed_batches import Columns
from movierec_cli.models.sequential.process_group import added_in_pairs
from movierec_cli.models.sequential.steps import State, StepFunctions, power_of_two

_SAME = PartitionSpec()  # type: ignore[no-untyped-call]
_BY_ROWS = PartitionSpec(None, AXIS)  # type: ignore[no-untyped-call]
CALL_TOKENS = 2_000_000
"""Of a call's steps at most, which take 28 bytes each; two such blocks are there at a time."""

Block: TypeAlias = tuple[Columns, jax.Array]
"""Steps, [steps_at_once, rows, length] a column, and how many of them there are."""


class DeviceEpochs:
    """Epochs of one training.

    Args:
        functions: of the training.
        devices: that this process has; a power of two of them is used.
        steps_at_once: of a call.
    """

    def __init__(self, functions: StepFunctions, devices: int = 1, steps_at_once: int = 1):
        shape = functions.shape
        self._steps_at_once = steps_at_once
        devices = power_of_two(min(devices, shape.lanes))
        per_device, mesh = shape.lanes // devices, mesh_of(devices)

        def step(state: State, rows: Columns) -> tuple[State, jax.Array]:
            """Of one device, with its own rows of the step, [rows / devices, length]."""
            parts = functions.parts(state["weights"])
            own = per_device * jax.lax.axis_index(AXIS).astype(jnp.uint32)
            numbers = own + jnp.arange(per_device, dtype=jnp.uint32)
            by_lane = {name: one.reshape(per_device, shape.rows_per_lane, -1) for name, one in rows.items()}
            of_lanes = jax.vmap(functions.of_lane, in_axes=(None, None, 0, 0))
            lanes = of_lanes(parts, state["step"], numbers, by_lane)
            every = jax.lax.all_gather(added_in_pairs(list(lanes)), AXIS)  # [devices, 2 + gradients]
            found = added_in_pairs(list(every))
            return functions.update(state, found), found[:2]

        def block(state: State, steps: Columns, n_steps: jax.Array) -> tuple[State, jax.Array]:
            """Of one device, the first steps of its own rows, [steps, rows / devices, length]."""

            def one(place: jax.Array, so_far: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
                state, sums = so_far
                state, of_step = step(state, jax.tree.map(lambda column: column[place], steps))
                return state, sums.at[place].set(of_step)

            nothing = jnp.zeros((steps_at_once, 2))
            # As many as there are: epochs differ by a step or so, and each number would be compiled anew.
            found: tuple[State, jax.Array] = jax.lax.fori_loop(0, n_steps, one, (state, nothing))
            return found

        sharded = jax.shard_map(
            block, mesh=mesh, in_specs=(_SAME, _BY_ROWS, _SAME), out_specs=_SAME, check_vma=False
        )
        self._block = jax.jit(sharded, donate_argnums=0)
        self._same, self._by_rows = NamedSharding(mesh, _SAME), NamedSharding(mesh, _BY_ROWS)

    def state(self, state: State) -> State:
        """A state as `run` takes it: the same on all devices."""
        found: State = jax.device_put(state, self._same)
        return found

    def blocks(self, steps: Iterable[Columns]) -> Iterator[Block]:
        """The steps of an epoch, of [rows, length] each, on the devices, so many of them together.

        Each is made in a thread while the one before is used.
        """
        return made_ahead(self._made(steps))

    def _made(self, steps: Iterable[Columns]) -> Iterator[Block]:
        left = iter(steps)
        while each := list(itertools.islice(left, self._steps_at_once)):
            stacked = {name: self._stacked([one[name] for one in each]) for name in each[0]}
            yield jax.device_put((stacked, np.int32(len(each))), (self._by_rows, self._same))

    def _stacked(self, each: list[Any]) -> npt.NDArray[np.int32]:
        """[steps_at_once, rows, length], 0 where there are fewer steps."""
        stacked = np.zeros((self._steps_at_once, *each[0].shape), np.int32)
        np.stack(each, out=stacked[: len(each)])
        return stacked

    def run(self, state: State, block: Block) -> tuple[State, jax.Array]:
        """The state after a block, and each step's summed loss and weight, all on the devices.

        The second is [steps_at_once, 2], 0 where the block has fewer steps.

        Args:
            state: of `state` or of the block before; it cannot be used any more.
            block: of `blocks`.
        """
        found: tuple[State, Any] = self._block(state, *block)
        return found
