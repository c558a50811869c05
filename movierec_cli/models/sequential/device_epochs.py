"""An epoch as one compiled call, for accelerators: what it steps through lies on them before it begins.

The steps are those of `steps`: the same lanes with the same random numbers, added in the same order. Several
devices of a process share a step's lanes, each of which computes its own side by side, and then all of them
the sum. Nothing moves to the host before the epoch ends. For CPUs `steps` is faster, as a core's cache holds
one micro-batch and not a step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from movierec_cli.models.sequential.engine import AXIS, mesh_of
from movierec_cli.models.sequential.packed_batches import Columns
from movierec_cli.models.sequential.process_group import added_in_pairs
from movierec_cli.models.sequential.steps import State, StepFunctions, power_of_two

_SAME = PartitionSpec()  # type: ignore[no-untyped-call]
_BY_ROWS = PartitionSpec(None, AXIS)  # type: ignore[no-untyped-call]


class DeviceEpochs:
    """Epochs of one training.

    Args:
        functions: of the training.
        devices: that this process has; a power of two of them is used.
    """

    def __init__(self, functions: StepFunctions, devices: int = 1):
        shape = functions.shape
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

        def epoch(state: State, rows: Columns) -> tuple[State, jax.Array]:
            found: tuple[State, jax.Array] = jax.lax.scan(step, state, rows)
            return found

        sharded = jax.shard_map(
            epoch, mesh=mesh, in_specs=(_SAME, _BY_ROWS), out_specs=_SAME, check_vma=False
        )
        self._epoch = jax.jit(sharded, donate_argnums=0)
        self._same, self._by_rows = NamedSharding(mesh, _SAME), NamedSharding(mesh, _BY_ROWS)

    def state(self, state: State) -> State:
        """A state as `run` takes it: the same on all devices."""
        found: State = jax.device_put(state, self._same)
        return found

    def rows(self, steps: Iterable[Columns]) -> Columns:
        """The steps of an epoch, of [rows, length] each, on the devices: [steps, rows, length]."""
        each = list(steps)
        stacked = {name: np.stack([one[name] for one in each]) for name in each[0]}
        found: Columns = jax.device_put(stacked, self._by_rows)
        return found

    def run(self, state: State, rows: Columns) -> tuple[State, jax.Array]:
        """The state after the epoch, and each step's summed loss and weight, [steps, 2], all on the devices.

        Args:
            state: of `state` or of the epoch before; it cannot be used any more.
            rows: of `rows`.
        """
        found: tuple[State, Any] = self._epoch(state, rows)
        return found
