"""Dataclasses of arrays as uncompressed npz files that never hold Python objects.

The fields and their type hints say what a file holds, so that a class and its file cannot drift apart. A
field is an array, a number, texts, a JSON object (`dict[str, JSON]`), arrays under any names
(`dict[str, NDArray]`), a dataclass or a tuple of such; `None` is left out. Nested names are joined by "/".

`Annotated` says more: the names or lengths of an array's axes, where a name means the same length in the
whole file, narrower types in which it is kept where they lose nothing, that it is `packing.Packed`, and
constraints on its values (`storage.constraints`). A whole number with a name is the length of the axes of
that name. What is said of a nested dataclass holds for its arrays. All of it is checked when something is
written and when it is read. A change that alters what is written needs a new `FORMAT_VERSION`.
"""

import dataclasses
import io
import json
import types
import typing
from collections.abc import Collection, Mapping
from typing import IO, Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.storage import npz
from movierec_cli.storage.constraints import Constraint, Distinct, Sizes
from movierec_cli.storage.npz import Arrays
from movierec_cli.storage.packing import Packed, packed, unpacked
from movierec_cli.storage.serialization import encode, hints_of, parse_json

T = TypeVar("T")

_NUMBERS = {bool: np.bool_, int: np.int64, float: np.float64}
_ANY_SIZES: Sizes = {}
_NO_ARRAYS: Mapping[str, npt.NDArray[Any]] = {}


def to_bytes(value: object, sizes: Sizes = _ANY_SIZES) -> bytes:
    """The npz of a dataclass; `sizes` are lengths of axes, by name, that are known from elsewhere.

    Raises:
        TypeError: an array has a type that NumPy cannot read back.
        ValueError: `from_bytes` would refuse it.
    """
    arrays = arrays_of(value)
    content = npz.pack(arrays)
    from_arrays(type(value), arrays, type(value).__name__, sizes=sizes)
    return content


def in_two_files(value: object, shared: Collection[str], sizes: Sizes = _ANY_SIZES) -> tuple[bytes, bytes]:
    """The npz of some fields of a dataclass, and that of the others; raises as `to_bytes`."""
    arrays = arrays_of(value)
    from_arrays(type(value), arrays, type(value).__name__, sizes=sizes)
    apart = {name: array for name, array in arrays.items() if name in shared}
    return npz.pack(apart), npz.pack({name: one for name, one in arrays.items() if name not in apart})


def arrays_of(value: object) -> Arrays:
    """The arrays by which `to_bytes` keeps a dataclass."""
    arrays: Arrays = {}
    _add(type(value), value, "", arrays)
    return arrays


def from_bytes(kind: type[T], content: bytes, file_name: str, sizes: Sizes = _ANY_SIZES) -> T:
    """Rebuilds what `to_bytes` wrote of a dataclass; raises as `from_file`."""
    return from_file(kind, io.BytesIO(content), file_name, sizes=sizes)


def from_file(
    kind: type[T],
    file: IO[bytes],
    file_name: str,
    part: str = "",
    sizes: Sizes = _ANY_SIZES,
    others: Mapping[str, npt.NDArray[Any]] = _NO_ARRAYS,
) -> T:
    """Rebuilds a dataclass, or only the part of it that has this name: nothing else is read.

    Args:
        kind: the dataclass.
        file: an npz.
        file_name: its name, for messages.
        part: the name of the part; "" for all.
        sizes: lengths of axes that are known from elsewhere.
        others: the arrays of another file that has the rest of it, see `in_two_files`.

    Raises:
        ValueError: the file is no npz, or holds other arrays, types, shapes or values; names the file and
            the array.
    """
    try:
        arrays = npz.read(file, part)
    except ValueError as error:
        raise ValueError(f"{file_name}: {error}") from error
    if doubled := sorted(arrays.keys() & others.keys()):
        raise ValueError(f"{file_name} holds {doubled}, which another file of the run has")
    return from_arrays(kind, arrays | dict(others), file_name, part, sizes)


def field_from_file(kind: Any, name: str, file: IO[bytes], file_name: str, sizes: Sizes = _ANY_SIZES) -> Any:
    """Rebuilds one field of a dataclass; raises as `from_file`."""
    return from_file(hints_of(kind)[name], file, file_name, name, sizes)


def from_arrays(
    kind: type[T], arrays: Arrays, file_name: str, part: str = "", sizes: Sizes = _ANY_SIZES
) -> T:
    """Rebuilds a dataclass from what was read of its file.

    Raises:
        ValueError: as `from_file`.
    """
    reader = _Reader(arrays, file_name, sizes)
    value: T = reader.read(kind, part)
    if extra := sorted(arrays.keys() - reader.used):
        raise ValueError(f"{file_name} holds {extra}, which {kind.__name__} does not have")
    reader.check_values()
    return value


def _annotated(hint: Any, notes: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """A hint without `Annotated` and `None`, and its notes, or those given where it has none."""
    if _is_union(hint) and not _is_either(hint):
        (hint,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
    if typing.get_origin(hint) is Annotated:
        hint, *own = typing.get_args(hint)
        has_own_axes = any(isinstance(note, str | int) for note in own)
        inherited = [note for note in notes if isinstance(note, Constraint) or not has_own_axes]
        notes = (*inherited, *own)
    return hint, notes


def _is_union(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union


def _is_either(hint: Any) -> bool:
    """Whether it is an array of numbers or of texts, such as ids."""
    return _is_union(hint) and all(map(_is_array, typing.get_args(hint)))


def _of_kind(hint: Any, is_text: bool) -> Any:
    """The alternative of an array's hint that is text, or the one that is not; a plain hint as it is."""
    options = typing.get_args(hint) if _is_either(hint) else (hint,)
    return next((one for one in options if _is_text(one) == is_text), options[0])


def _nested(hint: Any, name: str, n_items: int) -> list[tuple[str, Any]]:
    """The names and hints of what a dataclass or a tuple of this many items holds."""
    if dataclasses.is_dataclass(hint):
        front = f"{name}/" if name else ""
        kind: Any = hint
        return [(f"{front}{field}", inner) for field, inner in hints_of(kind).items()]
    args = typing.get_args(hint)
    items = [args[0]] * n_items if args[-1] is Ellipsis else args
    return [(f"{name}/{place:02d}", item) for place, item in enumerate(items)]


def _is_text(hint: Any) -> bool:
    """Whether a value is kept as JSON: objects would be pickled, and texts of fixed width waste space."""
    is_object = typing.get_origin(hint) is dict and not _is_array(typing.get_args(hint)[1])
    return hint in (str, tuple[str, ...]) or is_object or (_is_array(hint) and _dtype(hint) == np.object_)


def _is_array(hint: Any) -> bool:
    return typing.get_origin(hint) is np.ndarray


def _dtype(hint: Any) -> np.dtype[Any] | None:
    """Of an array's hint; None for any."""
    (scalar,) = typing.get_args(typing.get_args(hint)[1])
    return None if scalar is Any else np.dtype(scalar)


def _add(hint: Any, value: Any, name: str, arrays: Arrays) -> None:
    hint, notes = _annotated(hint)
    if value is None:
        return
    hint = _of_kind(hint, isinstance(value, np.ndarray) and value.dtype == np.object_)
    if _is_text(hint):
        arrays[name] = _text_array(value)
    elif _is_array(hint) and Packed in notes:
        arrays[name] = packed(value)
    elif _is_array(hint):
        arrays[name] = _narrowed(value, notes)
    elif hint in _NUMBERS:
        arrays[name] = np.array(value, _NUMBERS[hint])
    elif isinstance(value, dict):
        arrays |= {f"{name}/{key}": array for key, array in value.items()}
    else:
        is_tuple = isinstance(value, tuple)
        for place, (inner, kind) in enumerate(_nested(hint, name, len(value) if is_tuple else 0)):
            item = value[place] if is_tuple else getattr(value, inner.rpartition("/")[2])
            _add(kind, item, inner, arrays)


def _text_array(value: Any) -> npt.NDArray[np.uint8]:
    plain = value.tolist() if isinstance(value, np.ndarray) else encode(value)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _narrowed(values: npt.NDArray[Any], notes: tuple[Any, ...]) -> npt.NDArray[Any]:
    """In the first of the noted types that loses nothing, or as it is."""
    for dtype in (note for note in notes if _is_narrower(note)):
        with np.errstate(over="ignore", invalid="ignore"):
            narrow: npt.NDArray[Any] = values.astype(dtype)
        if np.array_equal(narrow.astype(values.dtype), values):
            return narrow
    return values


def _is_narrower(note: Any) -> bool:
    return isinstance(note, type) and note is not Packed


class _Reader:
    """Builds values from the arrays of one file, and knows which of them it has used."""

    def __init__(self, arrays: Arrays, file_name: str, sizes: Sizes) -> None:
        self.arrays = arrays
        self.used: set[str] = set()
        self._file_name = file_name
        self._lengths = dict(sizes)  # of the axes so far, by name
        self._constraints: list[tuple[str, Constraint]] = []
        self._unpacked: Arrays = {}

    def read(self, hint: Any, name: str, notes: tuple[Any, ...] = ()) -> Any:
        kind, notes = _annotated(hint, notes)
        inside = [known for known in self.arrays if npz.is_inside(known, name)]
        if types.NoneType in typing.get_args(hint) and not inside:
            return None
        axes = tuple(note for note in notes if isinstance(note, str | int))
        if _is_either(kind):
            kind = _of_kind(kind, name in self.arrays and self.arrays[name].dtype == np.uint8)
        if _is_text(kind):
            texts = self._text(kind, name, axes)
            if Distinct in map(type, notes) and len(set(texts)) < len(texts):
                raise ValueError(f"{self._file_name}: {name} holds a text that is not {Distinct()}")
            return texts
        if _is_array(kind) and Packed in notes:
            return self._packed(name, np.dtype(_dtype(kind)), axes, notes)
        if _is_array(kind):
            narrower = [np.dtype(note) for note in notes if _is_narrower(note)]
            dtypes = [dtype, *narrower] if (dtype := _dtype(kind)) else None
            array = self._array(name, dtypes, axes or None, notes)
            return array.astype(dtype or array.dtype, copy=False)
        if kind in _NUMBERS:
            value = self._array(name, [np.dtype(_NUMBERS[kind])], (), notes).item()
            self._check_shape(name, (value,) if axes else (), axes)
            return value
        if typing.get_origin(kind) is dict:
            arrays = {known: self._array(known, None, None, notes) for known in inside}
            return {known.removeprefix(f"{name}/"): array for known, array in arrays.items()}
        n_items = len({known.removeprefix(f"{name}/").partition("/")[0] for known in inside})
        items = [self.read(item, inner, notes) for inner, item in _nested(kind, name, n_items)]
        return typing.cast(Any, kind)(*items) if dataclasses.is_dataclass(kind) else tuple(items)

    def check_values(self) -> None:
        """Checks the constraints, when all sizes are known."""
        for name, constraint in self._constraints:
            values = self._unpacked.get(name, self.arrays[name])
            wrong = constraint.wrong(values, self._lengths)
            if wrong.any():
                value = values[wrong].flat[0]
                raise ValueError(f"{self._file_name}: {name} holds {value}, which is not {constraint}")

    def _array(
        self,
        name: str,
        dtypes: list[np.dtype[Any]] | None,
        axes: tuple[str | int, ...] | None,
        notes: tuple[Any, ...] = (),
    ) -> npt.NDArray[Any]:
        """An array of one of these types and of this shape; None: of any."""
        if name not in self.arrays:
            raise ValueError(f"{self._file_name} holds {sorted(self.arrays)}, but no {name}")
        self.used.add(name)
        array = self.arrays[name]
        if dtypes is not None and array.dtype not in dtypes:
            raise ValueError(f"{self._file_name}: {name} is {array.dtype}, not {dtypes[0]}")
        if axes is not None:
            self._check_shape(name, array.shape, axes)
        self._constraints += [(name, note) for note in notes if isinstance(note, Constraint)]
        return array

    def _packed(
        self, name: str, dtype: np.dtype[Any], axes: tuple[str | int, ...], notes: tuple[Any, ...]
    ) -> npt.NDArray[Any]:
        """An array whose axes' lengths are known already."""
        content = self._array(name, [np.dtype(np.uint8)], None, notes)
        shape = tuple(axis if isinstance(axis, int) else self._lengths[axis] for axis in axes)
        try:
            self._unpacked[name] = unpacked(content, dtype, shape)
        except ValueError as error:
            raise ValueError(f"{self._file_name}: {name}: {error}") from error
        return self._unpacked[name]

    def _check_shape(self, name: str, shape: tuple[int, ...], axes: tuple[str | int, ...]) -> None:
        known = [axis if isinstance(axis, int) else self._lengths.get(axis) for axis in axes]
        if len(shape) == len(axes):
            known = [own if one is None else one for one, own in zip(known, shape, strict=True)]
        expected = tuple("any" if one is None else one for one in known)
        if shape != expected:
            raise ValueError(f"{self._file_name}: {name} has shape {shape}, not {expected}")
        self._lengths |= {axis: n for axis, n in zip(axes, shape, strict=True) if isinstance(axis, str)}

    def _text(self, kind: Any, name: str, axes: tuple[str | int, ...]) -> Any:
        content = self._array(name, [np.dtype(np.uint8)], None).tobytes()
        try:
            value = parse_json(content.decode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise ValueError(f"{self._file_name}: {name} is no text: {error}") from error
        if kind is str or typing.get_origin(kind) is dict:
            if not isinstance(value, str if kind is str else dict):
                raise ValueError(f"{self._file_name}: {name} is something else than a {kind}")
            return value
        if not isinstance(value, list) or set(map(type, value)) - {str}:
            raise ValueError(f"{self._file_name}: {name} is something else than a list of texts")
        if axes:
            self._check_shape(name, (len(value),), axes)
        return tuple(value) if kind == tuple[str, ...] else np.array(value, np.object_)
