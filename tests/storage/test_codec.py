"""Dataclasses of arrays are read back as they were written, and wrong arrays are refused by name."""

import re
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pytest

from movierec_cli.storage import codec, npz
from movierec_cli.storage.serialization import JSON


@dataclass(frozen=True)
class Layer:
    kernel: npt.NDArray[np.float32]
    name: str
    is_last: bool


@dataclass(frozen=True)
class Everything:
    layers: tuple[Layer, ...]
    pair: tuple[int, float]
    table: dict[str, JSON]
    rows: Annotated[npt.NDArray[np.int64], "n", 2, np.uint8]
    stars: Annotated[npt.NDArray[np.float32], "n"] | None = None


LAYERS = (Layer(np.ones((2, 3), np.float32), "“first”", False), Layer(np.zeros(0, np.float32), "", True))
EVERYTHING = Everything(LAYERS, (3, 0.1), {"a": [1, None, {"b": "ü"}]}, np.array([[1, 2], [3, 4]]))


@pytest.mark.parametrize("stars", [None, np.array([0.5, 7.25], np.float32)])
@pytest.mark.parametrize("layers", [LAYERS, ()])
def test_every_kind_of_field_is_read_back(stars: np.ndarray | None, layers: tuple[Layer, ...]) -> None:
    written = replace(EVERYTHING, layers=layers, stars=stars)
    found = codec.from_bytes(Everything, codec.to_bytes(written), "everything.npz")
    assert (found.pair, found.table) == (written.pair, written.table)
    assert [type(number) for number in found.pair] == [int, float]
    assert [(one.name, one.is_last) for one in found.layers] == [(one.name, one.is_last) for one in layers]
    for left, right in zip(found.layers, layers, strict=True):
        np.testing.assert_array_equal(left.kernel, right.kernel, strict=True)
    np.testing.assert_array_equal(found.rows, written.rows, strict=True)
    np.testing.assert_array_equal(found.stars, stars)


def test_a_narrower_type_is_used_only_where_it_loses_nothing() -> None:
    for rows, dtype in ((EVERYTHING.rows, np.uint8), (EVERYTHING.rows - 2, np.int64)):
        assert codec.arrays_of(replace(EVERYTHING, rows=rows))["rows"].dtype == dtype


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": np.zeros((2, 3), np.int64)}, "file.npz: rows has shape (2, 3), not (2, 2)"),
        ({"rows": np.zeros(2, np.int64)}, "file.npz: rows has shape (2,), not ('any', 2)"),
        ({"rows": np.zeros((2, 2), np.int8)}, "file.npz: rows is int8, not int64"),
        ({"stars": np.zeros(3, np.float32)}, "file.npz: stars has shape (3,), not (2,)"),
        ({"layers/00/is_last": np.zeros(2, bool)}, "layers/00/is_last has shape (2,), not ()"),
        ({"layers/00/is_last": np.array(1)}, "layers/00/is_last is int64, not bool"),
        ({"layers/03/name": np.zeros(0, np.uint8)}, "but no layers/02/kernel"),
        ({"layers/00/name": np.frombuffer(b'"', np.uint8)}, "file.npz: layers/00/name is no text"),
        ({"table": np.frombuffer(b"[" * 100_000, np.uint8)}, "file.npz: table is no text"),
        ({"table": np.frombuffer(b"[]", np.uint8)}, "table is something else than a dict"),
        ({"pair/02": np.array(1)}, "file.npz holds ['pair/02'], which Everything does not have"),
    ],
)
def test_wrong_arrays_are_refused_by_file_and_name(changes: dict[str, np.ndarray], words: str) -> None:
    content = npz.pack(codec.arrays_of(EVERYTHING) | changes)
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(Everything, content, "file.npz")


def test_objects_are_neither_written_nor_read() -> None:
    with pytest.raises(TypeError, match="'a' has dtype object"):
        npz.pack({"a": np.array([None])})
