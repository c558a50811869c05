"""Recommending as an ONNX model."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ids, are_texts
from movierec_cli.errors import MovierecError
from movierec_cli.export.graph import Graph
from movierec_cli.export.model_arrays import SECONDS, WATCHED, WATCHED_AT, ModelArrays, encoded
from movierec_cli.export.recommending import recommend

OPSET, ML_OPSET = 18, 2
IR_VERSION = 9  # what runtimes of 2023 and later read
_LARGEST_BYTES = 2**31 - 1  # of a protocol buffer


class OnnxGraph(Graph):
    """Nodes and constants so far, each named after what it gives; values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[bytes, Any] = {}

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self._nodes(operator, inputs, 1, **attributes)[0]

    def _nodes(self, operator: str, inputs: tuple[str, ...], n_outputs: int, **attributes: Any) -> list[str]:
        from onnx import helper

        outputs = [f"{operator.lower()}_{len(self.nodes)}_{place}" for place in range(n_outputs)]
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def named(self, value: str, name: str) -> None:
        """Makes a value an output of the model."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [value], [name]))

    def model(self, inputs: list[Any], outputs: list[Any], description: str = "") -> Any:
        """What is to be saved, of the descriptions of its inputs and outputs."""
        from onnx import helper

        held = helper.make_graph(self.nodes, "recommend", inputs, outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        return helper.make_model(held, opset_imports=opsets, ir_version=IR_VERSION, doc_string=description)

    def constant(self, values: npt.ArrayLike) -> str:
        from onnx import numpy_helper

        tensor = numpy_helper.from_array(np.asarray(values))
        held = self.constants.setdefault(hashlib.sha256(tensor.SerializeToString()).digest(), tensor)
        held.name = held.name or f"constant_{len(self.constants)}"
        name: str = held.name
        return name

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        from onnx import helper

        return self.node("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def find(self, ids: str, known: Ids, missing: int) -> str:
        name, keys = ("keys_strings", encoded(known)) if are_texts(known) else ("keys_int64s", known)
        places = {name: keys.tolist(), "values_int64s": list(range(len(known)))}
        return self.node("LabelEncoder", ids, domain="ai.onnx.ml", default_int64=missing, **places)

    def top_k(self, scores: str, k: str) -> tuple[str, str]:
        values, places = self._nodes("TopK", (scores, k), 2)
        return values, places


def to_onnx(arrays: ModelArrays, description: str) -> bytes:
    """The content of the file.

    Inputs and outputs are described in `model_arrays`: int64, but `include_seen` and `known` bool, `title`
    and ids that are texts string, and `score` float32. `seconds` is there where the model sees time.

    Raises:
        MovierecError: the package onnx is not installed, or the model is larger than ONNX can hold.
    """
    try:
        import onnx
    except ImportError as error:
        raise MovierecError(
            "--format onnx needs the package onnx: pip install 'movierec[onnx]', or pip install onnx"
        ) from error
    graph, inputs = OnnxGraph(), _inputs(arrays)
    for name, value in recommend(graph, arrays, {one.name: one.name for one in inputs}).items():
        graph.named(value, name)
    model = graph.model(inputs, _outputs(arrays), description)
    if model.ByteSize() > _LARGEST_BYTES:
        raise MovierecError("the model is larger than the 2 GiB of an ONNX file; use --format savedmodel")
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _inputs(arrays: ModelArrays) -> list[Any]:
    """No input has a default: runtimes warn of inputs that are constants too."""
    from onnx import TensorProto, helper

    inputs: dict[str, tuple[int, list[str]]] = {
        "user_id": (_type_of(arrays.run.artifacts.user_ids), ["users"]),
        "k": (TensorProto.INT64, []),
        "exclude": (_type_of(arrays.run.artifacts.movie_ids), ["users_or_1", "excluded"]),
        "include_seen": (TensorProto.BOOL, []),
    }
    if arrays.context_tower is not None or SECONDS in arrays.history_inputs:
        inputs[SECONDS] = (TensorProto.INT64, ["users_or_one"])
    if WATCHED in arrays.history_inputs:
        inputs[WATCHED] = (_type_of(arrays.run.artifacts.movie_ids), ["users", "watched"])
    if WATCHED_AT in arrays.history_inputs:
        inputs[WATCHED_AT] = (TensorProto.INT64, ["users", "watched"])
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]


def _type_of(ids: Ids) -> int:
    from onnx import TensorProto

    return int(TensorProto.STRING if are_texts(ids) else TensorProto.INT64)


def _outputs(arrays: ModelArrays) -> list[Any]:
    from onnx import TensorProto, helper

    ids = _type_of(arrays.run.artifacts.movie_ids)
    lists = {"movie_id": ids, "title": TensorProto.STRING, "score": TensorProto.FLOAT}
    return [
        *(helper.make_tensor_value_info(name, kind, ["users", "places"]) for name, kind in lists.items()),
        helper.make_tensor_value_info("known", TensorProto.BOOL, ["users"]),
    ]
