"""Processes that train one model together, and what they compute over all of them.

JAX carries it: by gloo between CPUs, by NCCL between GPUs. All processes call the same functions in the same
order; one that is called by some of them only would wait for ever. Each process takes part with one device,
as XLA's collectives for CPUs end a process that keeps its own devices waiting.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass

JOIN_WITHIN_S = 300
"""How long the processes wait for each other at the start."""
HEARTBEAT_S = 20
"""After so long without a sign of life, a process of another machine counts as lost."""
_AXIS = "processes"
_THIS_MACHINE = ("127.0.0.1", "localhost")
_STANDARD = (1, 2)  # output and errors


class LostProcessError(MovierecError):
    """A process of the group has ended or cannot be reached."""


class ProcessGroup(Protocol):
    """What a training asks of the processes that share it."""

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    def size(self) -> int:
        """How many processes there are."""

    def summed(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The processes' vectors, int32 or float32 of one length, `added_in_pairs`."""

    def own_rows_of_sum(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same, but each process gets only its rows: [n, ...] to [n / size, ...], in the ranks' order."""

    def gathered(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Every process' array, by rank. The arrays differ in the length of the first axis at most."""


@dataclass(frozen=True)
class Alone:
    """The group of one process."""

    rank: int = 0
    size: int = 1

    def summed(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array

    def own_rows_of_sum(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array

    def gathered(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        return [array]


ALONE = Alone()


def added_in_pairs(parts: Sequence[Any]) -> Any:
    """The sum of arrays of one shape: neighbours are added, then neighbours of these sums, and so on.

    Where their number is a power of two, the sum of two halves' sums has the same bits.
    """
    while len(parts) > 1:
        pairs = [one + other for one, other in zip(parts[::2], parts[1::2], strict=False)]
        parts = [*pairs, *parts[2 * len(pairs) :]]
    return parts[0]


def from_first(group: ProcessGroup, content: bytes | None) -> bytes | None:
    """What the first process has, in each process."""
    if group.size == 1:
        return content
    is_there = content is not None and group.rank == 0
    own = np.frombuffer(content or b"", np.uint8) if is_there else np.zeros(0, np.uint8)
    there, first = group.gathered(np.array([is_there]))[0], group.gathered(own)[0]
    return first.tobytes() if there else None


class JaxGroup:
    """The processes that called `joined` with the same address; see `ProcessGroup`.

    Raises:
        LostProcessError: (of each function) another process has ended or cannot be reached.
    """

    def __init__(self) -> None:
        import jax
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        self.rank, self.size = jax.process_index(), jax.process_count()
        of_process = {device.process_index: device for device in reversed(jax.devices())}  # the first of each
        devices = np.array([of_process[rank] for rank in range(self.size)])
        mesh = Mesh(devices, (_AXIS,))
        shared, by_process = PartitionSpec(), PartitionSpec(_AXIS)  # type: ignore[no-untyped-call]
        self._sharding = NamedSharding(mesh, by_process)

        def compiled(function: Callable[[Any], Any], out: PartitionSpec) -> Callable[[Any], Any]:
            mapped = jax.shard_map(function, mesh=mesh, in_specs=by_process, out_specs=out, check_vma=False)
            return jax.jit(mapped)

        lax: Any = jax.lax

        def in_pairs(own: Any) -> Any:
            """Of a vector [size, n]: each process adds one of the parts in the order that is promised."""
            received = lax.all_to_all(own[0], _AXIS, 0, 0)  # [size, n], of each process
            return lax.all_gather(added_in_pairs(list(received)), _AXIS, tiled=True)  # [size · n]

        self._sum = compiled(in_pairs, shared)
        self._scatter = compiled(lambda own: lax.psum_scatter(own[0], _AXIS, tiled=True), by_process)
        self._gather = compiled(lambda own: lax.all_gather(own[0], _AXIS), shared)

    def _together(self, function: Callable[[Any], Any], array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        import jax

        parts = jax.make_array_from_process_local_data(  # type: ignore[no-untyped-call]
            self._sharding, array[None], (self.size, *array.shape)
        )
        try:
            return np.asarray(function(parts).addressable_data(0))
        except (
            RuntimeError,
            ValueError,
        ) as error:  # as it is noticed while JAX computes or when it is asked to
            why = str(error).splitlines()[0]
            raise LostProcessError(
                f"process {self.rank} of {self.size} has lost another process of the training: {why}"
            ) from error

    def summed(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        parts = np.pad(array, (0, -len(array) % self.size)).reshape(self.size, -1)
        return self._together(self._sum, parts)[: len(array)]

    def own_rows_of_sum(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return self._together(self._scatter, array)

    def gathered(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        lengths = self._together(self._gather, np.array([len(array)], np.int32))[:, 0]  # [size]
        # As bytes, since JAX would make 64 bits 32.
        item_bytes = array.dtype.itemsize * math.prod(array.shape[1:])
        padded = np.zeros((max(1, lengths.max()), item_bytes), np.uint8)
        padded[: len(array)] = np.frombuffer(array.tobytes(), np.uint8).reshape(len(array), item_bytes)
        every = self._together(self._gather, padded)  # [size, longest, item_bytes]
        return [
            np.frombuffer(own[:length].tobytes(), array.dtype).reshape(length, *array.shape[1:])
            for own, length in zip(every, lengths, strict=True)
        ]


@contextmanager
def joined(rank: int, size: int, address: str) -> Iterator[ProcessGroup]:
    """This process as one of a group, until the end of the context.

    Args:
        rank: of this process, from 0.
        size: how many processes there are.
        address: HOST:PORT, where the first process listens and all others ask.

    Raises:
        LostProcessError: the others did not come within `JOIN_WITHIN_S`, or the first cannot listen there.
    """
    import jax

    host = address.rpartition(":")[0]
    # To be reached from this machine alone, nobody else has to be let in.
    bound = address if host in _THIS_MACHINE else None
    try:
        with _silence():  # gloo prints to stdout, where results go
            jax.distributed.initialize(
                address,
                size,
                rank,
                cluster_detection_method="deactivate",
                initialization_timeout=JOIN_WITHIN_S,
                heartbeat_timeout_seconds=HEARTBEAT_S,
                shutdown_timeout_seconds=HEARTBEAT_S,
                coordinator_bind_address=bound,
            )
            group = JaxGroup()
            group.summed(np.zeros(1, np.float32))
    except (RuntimeError, ValueError) as error:
        raise LostProcessError(
            f"process {rank} of {size} could not join the others at {address}: {str(error).splitlines()[0]}"
        ) from error
    yield group
    jax.distributed.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def _silence() -> Iterator[None]:
    """What libraries print without being asked goes nowhere; JAX's own errors are raised."""
    kept = [os.dup(stream) for stream in _STANDARD]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in _STANDARD:
            os.dup2(nowhere, stream)
        yield
    finally:
        for stream, old in zip(_STANDARD, kept, strict=True):
            os.dup2(old, stream)
            os.close(old)
        os.close(nowhere)
