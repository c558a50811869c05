"""Writes a model as a SavedModel that TensorFlow alone can load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from movierec_cli.export.kinds import IndexKind
from movierec_cli.export.model_arrays import ModelArrays

ABOUT = Path("assets.extra") / "movierec.json"
"""What the model is; a folder with this file is one of ours. TensorFlow leaves `assets.extra` alone."""


def write_saved_model(arrays: ModelArrays, kind: IndexKind, about: dict[str, Any], folder: Path) -> None:
    """Writes into a folder that is not there yet.

    Raises:
        OSError: it cannot be written.
        MovierecError: the index cannot be made.
    """
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    from movierec_cli.export.tensorflow_model import build

    built = build(arrays, kind)
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    try:
        tf.saved_model.save(built.module, str(folder), signatures=built.signatures, options=options)
    except tf.errors.OpError as error:
        raise OSError(_reason(error.message)) from error
    place = folder / ABOUT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _reason(message: str) -> str:
    """What the system said, of a message such as "{{node}} /a/path; No space left on device [Op:SaveV2]"."""
    return message.rpartition("; ")[2].partition(" [Op:")[0]


def is_saved_model(folder: Path) -> bool:
    """Whether a folder is what `write_saved_model` wrote."""
    return (folder / "saved_model.pb").is_file() and (folder / ABOUT).is_file()
