"""Operators of ONNX by their names, which one library carries out and another writes down."""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ids

Value: TypeAlias = Any
"""What an operator gives: a tensor of TensorFlow, which has no types, or the name of one in an ONNX model."""


class Graph(ABC):
    """What a model computes; whole numbers are int64."""

    @abstractmethod
    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        """The output of an operator, as ONNX defines it."""

    @abstractmethod
    def constant(self, values: npt.ArrayLike) -> Value:
        """An array, saved once however often it is asked for; texts are bytes in an array of objects."""

    @abstractmethod
    def cast(self, value: Value, dtype: npt.DTypeLike) -> Value:
        """A value in another type."""

    @abstractmethod
    def find(self, ids: Value, known: Ids, missing: int) -> Value:
        """The places of ids among the known ones, `missing` where there is none."""

    @abstractmethod
    def top_k(self, scores: Value, k: Value) -> tuple[Value, Value]:
        """The k [1] highest of each row and their places, equal ones in their order."""

    def whole(self, *values: int) -> Value:
        """The int64 vector of some numbers."""
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: int | float | bool) -> Value:
        """One number or truth value: int64, double or bool."""
        return self.constant(np.array(value))

    def larger(self, first: Value, second: Value) -> Value:
        """The larger of two int64 values, element by element.

        `Max` and `Min` of ONNX Runtime 1.31 take 2 ** 31 … 2 ** 32 - 1 for less than 0.
        """
        return self.node("Where", self.node("Less", first, second), second, first)

    def smaller(self, first: Value, second: Value) -> Value:
        """The smaller of two int64 values, element by element."""
        return self.node("Where", self.node("Less", first, second), first, second)

    def column(self, vector: Value) -> Value:
        """[n] as [n, 1]."""
        return self.node("Unsqueeze", vector, self.whole(1))

    def row(self, vector: Value) -> Value:
        """[n] as [1, n]."""
        return self.node("Unsqueeze", vector, self.whole(0))

    def pairs(self, first: Value, second: Value) -> Value:
        """Two vectors side by side: [n, 2]."""
        return self.node("Concat", self.column(first), self.column(second), axis=1)
