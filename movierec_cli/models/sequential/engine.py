"""Starts Keras 3 on JAX, with a device for each core.

Each device takes its own rows of a step and runs on one thread. Small operations, of which a model of
sequences is made, gain nothing from sharing one among threads, and so everything stays in a core's cache.
"""

import os
import sys

from movierec_cli.errors import MovierecError

MOST_DEVICES = 8  # a step has not more segments to share
_BACKEND = "KERAS_BACKEND"


def n_devices() -> int:
    """How many cores this process may use, up to `MOST_DEVICES`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_DEVICES)


def start_keras() -> None:
    """Imports Keras with JAX, if that was not done before.

    Raises:
        MovierecError: this process has Keras with another engine already.
    """
    if "keras" not in sys.modules:
        os.environ[_BACKEND] = "jax"
    # JAX reads them at its first computation, not when it is imported, as TensorFlow imports it too.
    flags = f"--xla_force_host_platform_device_count={n_devices()} --xla_cpu_multi_thread_eigen=false"
    given = os.environ.get("XLA_FLAGS", "")
    if flags not in given:
        os.environ["XLA_FLAGS"] = f"{given} {flags}".strip()
    import keras

    if keras.backend.backend() != "jax":
        raise MovierecError(
            f"Keras runs on {keras.backend.backend()} in this process, and models of sequences need JAX;"
            f" set {_BACKEND}=jax before Keras is imported"
        )
