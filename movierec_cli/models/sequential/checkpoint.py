"""The last finished epoch of a training on disk, from which a killed one is resumed."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import SavedModelError
from movierec_cli.files.atomic import written_whole
from movierec_cli.files.reading import open_regular
from movierec_cli.models.sequential.process_group import ALONE, ProcessGroup, from_first
from movierec_cli.records import dataclass
from movierec_cli.registry.record import EpochRecord
from movierec_cli.storage import codec
from movierec_cli.storage.constraints import AtLeast, AtMost, Finite
from movierec_cli.storage.serialization import JSON, decode, encode

Weights = list[npt.NDArray[Any]]

_FILE = "checkpoint.npz"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training is."""

    epoch: Annotated[int, AtLeast(0)]  # finished so far
    step: Annotated[int, AtLeast(0), AtMost(2**31 - 1)]
    training_s: float
    validation_s: float
    history: tuple[EpochRecord, ...]


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Progress):
    """All that a training is after an epoch."""

    weights: Weights
    optimizer: Weights
    best: Weights  # of the best epoch; empty before the first validation


_Arrays = tuple[Annotated[npt.NDArray[Any], Finite(_LARGEST)], ...]


@dataclass(frozen=True)
class _Kept:
    """What the file holds."""

    progress: dict[str, JSON]
    weights: _Arrays
    optimizer: _Arrays
    best: _Arrays


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Replaces the folder's checkpoint, which is complete at every time.

    Raises:
        SavedModelError: the folder cannot be written.
    """
    progress = {name: encode(getattr(checkpoint, name)) for name in Progress.__dataclass_fields__}
    kept = _Kept(progress, tuple(checkpoint.weights), tuple(checkpoint.optimizer), tuple(checkpoint.best))
    try:
        with written_whole(folder / _FILE) as temporary:
            temporary.write_bytes(codec.to_bytes(kept))
    except OSError as error:
        raise SavedModelError(f"{folder}: the interrupted training cannot be kept: {error}") from error


def load(folder: Path, new: Checkpoint, group: ProcessGroup = ALONE) -> Checkpoint | None:
    """What `save` wrote, or None where nothing is.

    Args:
        folder: of the training.
        new: of the same training before its first epoch, with arrays of the same shapes and types.
        group: of the processes that train together, of which the first reads the file for all.

    Raises:
        SavedModelError: the file is damaged, or of another training.
    """
    file = folder / _FILE
    try:
        content = from_first(group, _content(file) if group.rank == 0 else None)
        if content is None:
            return None
        kept = codec.from_bytes(_Kept, content, _FILE)
        progress = decode(Progress, kept.progress, folder=folder, key="progress")
        saved = Checkpoint(
            **vars(progress), weights=[*kept.weights], optimizer=[*kept.optimizer], best=[*kept.best]
        )
        _check_fit(saved, new)
    except (OSError, ValueError, SavedModelError) as error:
        raise SavedModelError(f"{file} is damaged ({error}); delete {folder} and train again") from error
    return saved


def _content(file: Path) -> bytes | None:
    try:
        with open_regular(file) as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _check_fit(saved: Checkpoint, new: Checkpoint) -> None:
    expected = {"weights": new.weights, "optimizer": new.optimizer, "best": new.weights}
    if not saved.history:
        expected["best"] = []
    for name, arrays in expected.items():
        own, needed = ([(one.shape, one.dtype) for one in each] for each in (getattr(saved, name), arrays))
        if own != needed:
            raise ValueError(f"{name} are not those of this training")
    epochs = [0, *(record.epoch for record in saved.history), saved.epoch + 1]
    if epochs != sorted(set(epochs)) or any(record.ndcg is None for record in saved.history):
        raise ValueError("the history is not that of its epochs")
