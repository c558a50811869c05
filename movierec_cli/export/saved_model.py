"""Recommending as a SavedModel that TensorFlow alone can load."""

import json
from pathlib import Path
from typing import Any

from movierec_cli.export.graph import Value
from movierec_cli.export.kinds import IndexKind
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.export.recommending import Index, exact, recommend
from movierec_cli.export.scann_index import scann_index
from movierec_cli.export.tensorflow_graph import TensorFlowGraph

AT_TIME = "at_time"
"""The signature with a time, of a model that sees time; the other one is TensorFlow's default."""
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

    module, signatures = _built(arrays, kind)
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures, options=options)
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


def _built(arrays: ModelArrays, kind: IndexKind) -> tuple[Any, dict[str, Any]]:
    """The module to save, and its signatures by name, which take keyword arguments and give a dictionary.

    Inputs and outputs are described in `model_arrays`: `k` int32, `include_seen` and `known` bool, `title`
    string, `score` float32, all others int64. `seconds` is an input of the signature `AT_TIME` only.

    Raises:
        MovierecError: as `scann_index`.
    """
    import tensorflow as tf

    module, graph = tf.Module(), TensorFlowGraph()
    index = scann_index(arrays, graph) if kind is IndexKind.SCANN else exact
    module.recommend = _function(graph, arrays, index, {})
    signatures = {"serving_default": module.recommend}
    if arrays.context_tower is not None:
        module.recommend_at = _function(graph, arrays, index, {"seconds": tf.TensorSpec([None], tf.int64)})
        signatures[AT_TIME] = module.recommend_at
    module.held = graph.held
    return module, signatures


def _function(graph: TensorFlowGraph, arrays: ModelArrays, index: Index, more: dict[str, Any]) -> Any:
    """The traced function with named inputs."""
    import tensorflow as tf

    specs = {
        "user_id": tf.TensorSpec([None], tf.int64),
        "k": tf.TensorSpec([], tf.int32),
        "exclude": tf.TensorSpec([None, None], tf.int64),
        "include_seen": tf.TensorSpec([], tf.bool),
        **more,
    }
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}

    def recommended(**inputs: Value) -> dict[str, Value]:
        return recommend(graph, arrays, inputs | {"k": tf.cast(inputs["k"], tf.int64)}, index)

    return tf.function(recommended).get_concrete_function(**named)
