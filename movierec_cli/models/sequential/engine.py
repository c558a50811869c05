"""Starts Keras 3 on JAX, with a device for each core, and computes on all of them.

Each device takes its own rows of a step and runs on one thread. Small operations, of which a model of
sequences is made, gain nothing from sharing one among threads, and so everything stays in a core's cache.
What is computed for some rows does not depend on how many devices there are.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Precision
from movierec_cli.config.processes import Device
from movierec_cli.cores import has_bfloat16, usable_cores
from movierec_cli.errors import MovierecError

MOST_DEVICES = 8  # a step has not more lanes to share
AXIS = "devices"
_BACKEND = "KERAS_BACKEND"
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false --xla_disable_hlo_passes=cpu-parallel-task-assigner"
"""Devices leave no core idle, so that no operation has to be shared among threads."""
_log = logging.getLogger(__name__)


def n_devices() -> int:
    """How many cores this process may use, up to `MOST_DEVICES`."""
    return min(len(usable_cores()), MOST_DEVICES)


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
    count = max(2, n_devices() if devices is None else devices)  # `OverDevices` says why
    flags = f"--xla_force_host_platform_device_count={count} {_ONE_THREAD}"
    given = os.environ.get("XLA_FLAGS", "")
    if flags not in given:
        os.environ["XLA_FLAGS"] = f"{given} {flags}".strip()
    import keras

    if keras.backend.backend() != "jax":
        raise MovierecError(
            f"Keras runs on {keras.backend.backend()} in this process, and models of sequences need JAX;"
            f" set {_BACKEND}=jax before Keras is imported"
        )


def choose_device(device: Device) -> None:
    """What this process computes on from here on.

    Raises:
        MovierecError: there is no such device.
    """
    import jax

    has_accelerator = jax.default_backend() != "cpu"
    if device is Device.GPU and not has_accelerator:
        raise MovierecError(
            f"--device {device}: JAX finds no GPU here; on a machine that has one, install what it needs with"
            f" the extra cuda (pip install 'movierec[cuda]'), or use --device {Device.AUTO}"
        )
    aside = jax.local_devices(backend="cpu")[0] if device is Device.CPU and has_accelerator else None
    jax.config.update("jax_default_device", aside)  # type: ignore[no-untyped-call]


def is_accelerated() -> bool:
    """Whether this process computes on something else than CPUs."""
    import jax

    chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    return (jax.default_backend() if chosen is None else chosen.platform) != "cpu"


def own_devices() -> list[Any]:
    """Of this process, those that it computes on."""
    import jax

    own: list[Any] = jax.local_devices(backend=None if is_accelerated() else "cpu")
    return own


def usable_devices() -> int:
    """One for each core, or fewer where JAX had begun to compute before Keras was started here."""
    return min(n_devices(), len(own_devices()))


PRODUCTS = {Precision.FLOAT32: "float32", Precision.BFLOAT16: "BF16_BF16_F32"}
"""What JAX calls them on accelerators. XLA for CPUs multiplies in float32 whatever is asked of it so."""
_are_narrow: ContextVar[bool] = ContextVar("are_products_narrow", default=False)


def are_products_narrow() -> bool:
    """Whether `products.narrowed` rounds what is compiled now."""
    return _are_narrow.get()


def products_of(precision: Precision | None) -> AbstractContextManager[None]:
    """In which products of matrices are compiled for a training.

    On a CPU bfloat16 is for a softmax's products, the large ones. Factors of the others would have to be
    rounded for products that take as long.

    Raises:
        MovierecError: there is no such product here.
    """
    import jax

    if is_accelerated():
        asked: Any = jax.default_matmul_precision(PRODUCTS[precision or Precision.BFLOAT16])
        return cast("AbstractContextManager[None]", asked)
    if precision is not Precision.BFLOAT16:
        return nullcontext()
    if not has_bfloat16():
        raise MovierecError(
            f"--precision {precision} needs a GPU, or a CPU that multiplies it (avx512_bf16 or amx_bf16 among"
            f" its flags), and this one does not; leave it out"
        )
    return _narrow()


@contextmanager
def _narrow() -> Iterator[None]:
    before = _are_narrow.set(True)
    try:
        yield
    finally:
        _are_narrow.reset(before)


def keep_compiled() -> None:
    """What is compiled for an accelerator is kept in the user's cache folder, if JAX is told no other."""
    import jax

    from movierec_cli.data.running_times.match_cache import private_folder

    if not is_accelerated() or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    try:
        folder = private_folder("compiled")
    except (OSError, MovierecError) as error:
        _log.warning("What is compiled is not kept for the next time: %s", error)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))  # type: ignore[no-untyped-call]


def mesh_of(devices: int) -> Any:
    """The first devices of this process, along `AXIS`.

    Raises:
        ValueError: JAX has not so many devices.
    """
    from jax.sharding import Mesh

    own = own_devices()
    if devices > len(own):
        raise ValueError(f"{devices} devices are asked for, and JAX has {len(own)}")
    return Mesh(np.array(own[:devices]), (AXIS,))


class OverDevices:
    """A function, compiled once, that every device of this process calls with its part of the rows.

    XLA orders operations otherwise in a program for one device than in one for two or more, which all are
    alike. So one device works in a program for two, of which the other has nothing to do, and what a device
    computes does not depend on how many there are (if JAX has at least two).

    Args:
        function: of values that are the same for all devices, and of rows; either are arrays, or lists or
            dictionaries of them. What it returns is put together along the first axis.
        devices: how many take part.
    """

    def __init__(self, function: Callable[[Any, Any], Any], devices: int):
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        self.devices = devices
        self._idle = max(devices, min(2, len(own_devices()))) - devices
        mesh = mesh_of(devices + self._idle)
        same, by_rows = PartitionSpec(), PartitionSpec(AXIS)  # type: ignore[no-untyped-call]
        self._same = NamedSharding(mesh, same)

        def if_busy(is_busy: Any, shared: Any, rows: Any) -> Any:
            nothing = jax.tree.map(
                lambda one: jax.numpy.zeros(one.shape, one.dtype), jax.eval_shape(function, shared, rows)
            )
            return jax.lax.cond(is_busy[0], function, lambda *_: nothing, shared, rows)

        sharded = jax.shard_map(
            if_busy, mesh=mesh, in_specs=(by_rows, same, by_rows), out_specs=by_rows, check_vma=False
        )
        self._call = jax.jit(sharded)

    def shared(self, values: Any) -> Any:
        """Values that are the same for all devices, copied to them, for any number of calls."""
        import jax

        return jax.device_put(values, self._same)

    def __call__(self, shared: Any, rows: Any, is_busy: npt.NDArray[np.bool_] | None = None) -> Any:
        """What the devices return; zeros of those that are not busy, and of one more where there is one only.

        Args:
            shared: of `shared`.
            rows: NumPy arrays of which each device gets an equal part.
            is_busy: [devices], which of them have something to do; None: all.
        """
        import jax

        busy = np.ones(self.devices, np.bool_) if is_busy is None else is_busy
        if self._idle:
            rows = jax.tree.map(lambda one: np.concatenate([one, np.zeros_like(one)]), rows)
            busy = np.append(busy, False)
        return self._call(busy, shared, rows)
