"""The last finished epoch of a training on disk, from which a killed one is resumed."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import SavedModelError
from movierec_cli.registry.record import EpochRecord
from movierec_cli.storage.codec import Arrays, pack, unpack
from movierec_cli.storage.serialization import decode, encode

Weights = list[npt.NDArray[Any]]

_FILE = "checkpoint.npz"
_LISTS = ("weights", "optimizer", "best")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that a training is after an epoch."""

    epoch: int  # finished so far
    step: int
    training_s: float
    validation_s: float
    history: tuple[EpochRecord, ...]
    weights: Weights
    optimizer: Weights
    best: Weights  # of the best epoch; empty before the first validation


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Replaces the folder's checkpoint, which is complete at every time.

    Raises:
        SavedModelError: the folder cannot be written.
    """
    about = {
        name: encode(getattr(checkpoint, name))
        for name in ("epoch", "step", "training_s", "validation_s", "history")
    }
    arrays: Arrays = {"about": np.array(json.dumps(about))}
    for name in _LISTS:
        arrays |= {f"{name}/{place:03d}": one for place, one in enumerate(getattr(checkpoint, name))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f"{_FILE}.{os.getpid()}"
        beside.write_bytes(pack(arrays))
        beside.replace(folder / _FILE)
    except OSError as error:
        raise SavedModelError(f"{folder}: the interrupted training cannot be kept: {error}") from error


def load(folder: Path) -> Checkpoint | None:
    """What `save` wrote, or None where nothing is.

    Raises:
        SavedModelError: the file is damaged.
    """
    try:
        content = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        arrays = unpack(content)
        about = json.loads(str(arrays["about"]))
        figures = {name: about[name] for name in ("epoch", "step", "training_s", "validation_s")}
        history = decode(tuple[EpochRecord, ...], about["history"], folder=folder, key="history")
    except (ValueError, KeyError) as error:
        raise SavedModelError(
            f"{folder / _FILE} is damaged ({error}); delete {folder} and train again"
        ) from error
    lists: dict[str, Any] = {
        name: [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}/")] for name in _LISTS
    }
    return Checkpoint(**figures, history=history, **lists)


def remove(folder: Path) -> None:
    """Deletes a folder of this kind, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
