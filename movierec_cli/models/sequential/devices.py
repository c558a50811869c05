"""The same computation on every device, each with its own rows."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from movierec_cli.models.sequential.engine import n_devices

AXIS = "devices"


def usable_devices() -> int:
    """One for each core, or fewer where JAX had begun to compute before Keras was started here."""
    return min(n_devices(), len(jax.devices()))


def over_devices(function: Callable[..., Any], devices: int, *, split: Sequence[bool]) -> Callable[..., Any]:
    """Compiles a function that every device calls with its part of the rows.

    What they return is put together along the first axis.

    Args:
        function: of arrays, or lists or dictionaries of them.
        devices: how many take part.
        split: for each argument, whether it is divided along its first axis, or the same for all.

    Raises:
        ValueError: JAX has not so many devices.
    """
    if devices > len(jax.devices()):
        raise ValueError(f"{devices} devices are asked for, and JAX has {len(jax.devices())}")
    shared, by_rows = PartitionSpec(), PartitionSpec(AXIS)  # type: ignore[no-untyped-call]
    mesh = Mesh(np.array(jax.devices()[:devices]), (AXIS,))
    sharded = jax.shard_map(
        function,
        mesh=mesh,
        in_specs=tuple(by_rows if one else shared for one in split),
        out_specs=by_rows,
        check_vma=False,
    )
    return jax.jit(sharded)
