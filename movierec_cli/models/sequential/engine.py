"""Starts Keras 3 on JAX, with a device for each core, and computes on all of them.

Each device takes its own rows of a step and runs on one thread. Small operations, of which a model of
sequences is made, gain nothing from sharing one among threads, and so everything stays in a core's cache.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from movierec_cli.errors import MovierecError

MOST_DEVICES = 8  # a step has not more segments to share
AXIS = "devices"
_BACKEND = "KERAS_BACKEND"


def n_devices() -> int:
    """How many cores this process may use, up to `MOST_DEVICES`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_DEVICES)


def start_keras(devices: int | None = None) -> None:
    """Imports Keras with JAX, if that was not done before.

    Args:
        devices: of this process; None: as many as `n_devices`.

    Raises:
        MovierecError: this process has Keras with another engine already.
    """
    if "keras" not in sys.modules:
        os.environ[_BACKEND] = "jax"
    # JAX reads them at its first computation, not when it is imported, as TensorFlow imports it too.
    count = n_devices() if devices is None else devices
    flags = f"--xla_force_host_platform_device_count={count} --xla_cpu_multi_thread_eigen=false"
    given = os.environ.get("XLA_FLAGS", "")
    if flags not in given:
        os.environ["XLA_FLAGS"] = f"{given} {flags}".strip()
    import keras

    if keras.backend.backend() != "jax":
        raise MovierecError(
            f"Keras runs on {keras.backend.backend()} in this process, and models of sequences need JAX;"
            f" set {_BACKEND}=jax before Keras is imported"
        )


def usable_devices() -> int:
    """One for each core, or fewer where JAX had begun to compute before Keras was started here."""
    import jax

    return min(n_devices(), len(jax.local_devices()))


def over_devices(function: Callable[..., Any], devices: int, *, split: Sequence[bool]) -> Callable[..., Any]:
    """Compiles a function that every device of this process calls with its part of the rows.

    What they return is put together along the first axis.

    Args:
        function: of arrays, or lists or dictionaries of them.
        devices: how many take part.
        split: for each argument, whether it is divided along its first axis, or the same for all.

    Raises:
        ValueError: JAX has not so many devices.
    """
    import jax
    from jax.sharding import Mesh, PartitionSpec

    own = jax.local_devices()
    if devices > len(own):
        raise ValueError(f"{devices} devices are asked for, and JAX has {len(own)}")
    shared, by_rows = PartitionSpec(), PartitionSpec(AXIS)  # type: ignore[no-untyped-call]
    mesh = Mesh(np.array(own[:devices]), (AXIS,))
    sharded = jax.shard_map(
        function,
        mesh=mesh,
        in_specs=tuple(by_rows if one else shared for one in split),
        out_specs=by_rows,
        check_vma=False,
    )
    return jax.jit(sharded)
