"""Writes an ONNX graph node by node, each named after what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

OPSET, ML_OPSET = 18, 2
IR_VERSION = 9  # what runtimes of 2023 and later read


@dataclass
class Graph:
    """Nodes and constants so far; values are known by their names."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _of_scalar: dict[tuple[str, Any], str] = field(default_factory=dict)

    def node(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Adds a node and gives the name of its output."""
        return self.nodes_of(operator, inputs, 1, name, **attributes)[0]

    def nodes_of(
        self, operator: str, inputs: Sequence[str], n_outputs: int, name: str | None = None, **attributes: Any
    ) -> list[str]:
        """The same for several outputs."""
        from onnx import helper

        base = name or f"{operator.lower()}_{len(self.nodes)}"
        outputs = [base] if n_outputs == 1 else [f"{base}_{place}" for place in range(n_outputs)]
        domain = "ai.onnx.ml" if operator == "LabelEncoder" else ""
        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs

    def constant(self, values: npt.ArrayLike, name: str | None = None) -> str:
        """Adds an array; texts are given as bytes in an array of objects."""
        from onnx import numpy_helper

        array = np.asarray(values)
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def whole(self, *values: int) -> str:
        """The int64 vector of some numbers, added once."""
        key = ("vector", values)
        if key not in self._of_scalar:
            self._of_scalar[key] = self.constant(np.array(values, np.int64))
        return self._of_scalar[key]

    def scalar(self, value: int | float | bool) -> str:
        """One number or truth value: int64, double or bool."""
        key = (type(value).__name__, value)
        if key not in self._of_scalar:
            self._of_scalar[key] = self.constant(np.array(value))
        return self._of_scalar[key]

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        """A value in another type."""
        from onnx import helper

        return self.node("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def larger(self, first: str, second: str) -> str:
        """The larger of two int64 values, element by element.

        `Max` and `Min` of ONNX Runtime 1.31 take 2 ** 31 … 2 ** 32 - 1 for less than 0.
        """
        return self.node("Where", self.node("Less", first, second), second, first)

    def smaller(self, first: str, second: str) -> str:
        """The smaller of two int64 values, element by element."""
        return self.node("Where", self.node("Less", first, second), first, second)

    def column(self, vector: str) -> str:
        """[n] as [n, 1]."""
        return self.node("Unsqueeze", vector, self.whole(1))

    def row(self, vector: str) -> str:
        """[n] as [1, n]."""
        return self.node("Unsqueeze", vector, self.whole(0))

    def pairs(self, first: str, second: str) -> str:
        """Two vectors side by side: [n, 2]."""
        return self.node("Concat", self.column(first), self.column(second), axis=1)

    def find(self, ids: str, known: npt.NDArray[np.int64], missing: int) -> str:
        """The places of ids among the known ones, `missing` where there is none."""
        return self.node(
            "LabelEncoder",
            ids,
            keys_int64s=known.tolist(),
            values_int64s=list(range(len(known))),
            default_int64=missing,
        )
