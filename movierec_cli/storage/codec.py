"""Dataclasses of arrays as uncompressed npz files that never hold Python objects.

The fields and their type hints say what a file holds, so that a class and its file cannot drift apart. A
field is an array, a number, texts, a JSON object (`dict[str, JSON]`), arrays under any names
(`dict[str, NDArray]`), a dataclass or a tuple of such; `None` is left out. Nested names are joined by "/".

`Annotated` says more of an array: the names or lengths of its axes, where a name means the same length in the
whole file, and narrower types in which it is kept where they lose nothing. Axes of a nested dataclass are
those of its arrays. A change that alters what is written needs a new `FORMAT_VERSION`.
"""

import dataclasses
import functools
import io
import json
import types
import typing
import zipfile
from collections.abc import Mapping
from typing import IO, Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.storage.serialization import encode

T = TypeVar("T")
Arrays = dict[str, npt.NDArray[Any]]

_NO_TEXTS: Mapping[str, str] = {}

_PLAIN_KINDS = "biufcSU"  # NumPy's kinds that need no pickle and are read back as they were
_NUMBERS = {bool: np.bool_, int: np.int64, float: np.float64}


def to_bytes(value: object) -> bytes:
    """The npz of a dataclass.

    Raises:
        TypeError: an array has a type that NumPy cannot read back.
    """
    return pack(arrays_of(value))


def arrays_of(value: object) -> Arrays:
    """The arrays by which `to_bytes` and `write` keep a dataclass."""
    arrays: Arrays = {}
    _add(type(value), value, "", arrays)
    return arrays


def from_bytes(kind: type[T], content: bytes, file_name: str) -> T:
    """Rebuilds what `to_bytes` wrote of a dataclass; raises as `from_file`."""
    return from_file(kind, io.BytesIO(content), file_name)


def from_file(kind: type[T], file: IO[bytes], file_name: str, part: str = "") -> T:
    """Rebuilds a dataclass, or only the part of it that has this name: nothing else is read.

    Raises:
        ValueError: the file is no npz, or holds other arrays, types or shapes; names the file and the array.
    """
    reader = _Reader(_arrays_in(file, part), file_name)
    value = reader.read(kind, part)
    if extra := sorted(reader.arrays.keys() - reader.used):
        raise ValueError(f"{file_name} holds {extra}, which {kind.__name__} does not have")
    return typing.cast(T, value)


def check_arrays(value: Any) -> None:
    """Checks a dataclass's own arrays, on which `Annotated` says something.

    Raises:
        ValueError: one has another type or shape.
    """
    kind: Any = type(value)
    noted = {name: hint for name, hint in _hints(kind).items() if typing.get_origin(hint) is Annotated}
    reader = _Reader({name: getattr(value, name) for name in noted}, type(value).__name__)
    for name, hint in noted.items():
        reader.read(hint, name)


def pack(
    arrays: Mapping[str, npt.NDArray[Any]],
    texts: Mapping[str, str] = _NO_TEXTS,
    *,
    compressed: bool = False,
) -> bytes:
    """What `write` writes, as bytes."""
    buffer = io.BytesIO()
    write(buffer, arrays, texts, compressed=compressed)
    return buffer.getvalue()


def write(
    file: IO[bytes],
    arrays: Mapping[str, npt.NDArray[Any]],
    texts: Mapping[str, str] = _NO_TEXTS,
    *,
    compressed: bool = False,
) -> None:
    """Writes arrays under any names (`numpy.savez` would take some for its own arguments).

    Equal content makes equal files. `numpy.load` gives texts, by file name, as bytes.

    Raises:
        TypeError: an array holds objects or a type that NumPy cannot read back.
    """
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode("utf-8", "replace"), kind)
        for name, array in arrays.items():
            if array.dtype.kind not in _PLAIN_KINDS:
                raise TypeError(f"array '{name}' has dtype {array.dtype}, which cannot be kept in an npz")
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = kind
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def unpack(content: bytes) -> Arrays:
    """Reads what `pack` wrote.

    Raises:
        ValueError: the bytes are no npz, or hold Python objects.
    """
    return _arrays_in(io.BytesIO(content), "")


def _arrays_in(file: IO[bytes], part: str) -> Arrays:
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if _is_inside(name, part):
                    with archive.open(info) as member:
                        arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ValueError(f"not an npz file: {error}") from error
    return arrays


def _is_inside(name: str, part: str) -> bool:
    return not part or name == part or name.startswith(f"{part}/")


def _annotated(hint: Any, notes: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """A hint without `Annotated` and `None`, and its notes, or those given where it has none."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
    if typing.get_origin(hint) is Annotated:
        hint, *own = typing.get_args(hint)
        notes = tuple(own)
    return hint, notes


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _nested(hint: Any, name: str, n_items: int) -> list[tuple[str, Any]]:
    """The names and hints of what a dataclass or a tuple of this many items holds."""
    if dataclasses.is_dataclass(hint):
        kind: Any = hint
        front = f"{name}/" if name else ""
        return [(f"{front}{field.name}", _hints(kind)[field.name]) for field in dataclasses.fields(kind)]
    args = typing.get_args(hint)
    items = [args[0]] * n_items if args[-1] is Ellipsis else args
    return [(f"{name}/{place:02d}", item) for place, item in enumerate(items)]


def _is_text(hint: Any) -> bool:
    """Whether a value is kept as JSON: objects would be pickled, and texts of fixed width waste space."""
    is_object = typing.get_origin(hint) is dict and not _is_array(typing.get_args(hint)[1])
    return hint in (str, tuple[str, ...]) or is_object or (_is_array(hint) and _dtype(hint) == np.object_)


def _is_array(hint: Any) -> bool:
    return typing.get_origin(hint) is np.ndarray


def _dtype(hint: Any) -> np.dtype[Any]:
    (scalar,) = typing.get_args(typing.get_args(hint)[1])
    dtype: np.dtype[Any] = np.dtype(scalar)
    return dtype


def _add(hint: Any, value: Any, name: str, arrays: Arrays) -> None:
    hint, notes = _annotated(hint)
    if value is None:
        return
    if _is_text(hint):
        arrays[name] = _text_array(value)
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
    for dtype in (note for note in notes if isinstance(note, type)):
        with np.errstate(over="ignore", invalid="ignore"):
            narrow: npt.NDArray[Any] = values.astype(dtype)
        if np.array_equal(narrow.astype(values.dtype), values):
            return narrow
    return values


class _Reader:
    """Builds values from the arrays of one file, and knows which of them it has used."""

    def __init__(self, arrays: Arrays, file_name: str) -> None:
        self.arrays = arrays
        self.used: set[str] = set()
        self._file_name = file_name
        self._lengths: dict[str, int] = {}  # of the axes so far, by name

    def read(self, hint: Any, name: str, notes: tuple[Any, ...] = ()) -> Any:
        kind, notes = _annotated(hint, notes)
        inside = [known for known in self.arrays if _is_inside(known, name)]
        if types.NoneType in typing.get_args(hint) and not inside:
            return None
        if _is_text(kind):
            return self._text(kind, name, notes)
        if _is_array(kind):
            narrower = [np.dtype(note) for note in notes if isinstance(note, type)]
            axes = tuple(note for note in notes if not isinstance(note, type))
            return self._array(name, [_dtype(kind), *narrower], axes or None).astype(_dtype(kind), copy=False)
        if kind in _NUMBERS:
            return self._array(name, [np.dtype(_NUMBERS[kind])], ()).item()
        if typing.get_origin(kind) is dict:
            self.used.update(inside)
            return {known.removeprefix(f"{name}/"): self.arrays[known] for known in inside}
        n_items = len({known.removeprefix(f"{name}/").partition("/")[0] for known in inside})
        items = [self.read(item, inner, notes) for inner, item in _nested(kind, name, n_items)]
        return typing.cast(Any, kind)(*items) if dataclasses.is_dataclass(kind) else tuple(items)

    def _array(
        self, name: str, dtypes: list[np.dtype[Any]], axes: tuple[str | int, ...] | None
    ) -> npt.NDArray[Any]:
        """An array of one of these types and of this shape; None: of any shape."""
        if name not in self.arrays:
            raise ValueError(f"{self._file_name} holds {sorted(self.arrays)}, but no {name}")
        self.used.add(name)
        array = self.arrays[name]
        if array.dtype not in dtypes:
            raise ValueError(f"{self._file_name}: {name} is {array.dtype}, not {dtypes[0]}")
        self._check_shape(name, array.shape, axes)
        return array

    def _check_shape(self, name: str, shape: tuple[int, ...], axes: tuple[str | int, ...] | None) -> None:
        if axes is None:
            return
        known = [axis if isinstance(axis, int) else self._lengths.get(axis) for axis in axes]
        if len(shape) == len(axes):
            known = [own if one is None else one for one, own in zip(known, shape, strict=True)]
        expected = tuple("any" if one is None else one for one in known)
        if shape != expected:
            raise ValueError(f"{self._file_name}: {name} has shape {shape}, not {expected}")
        self._lengths |= {axis: n for axis, n in zip(axes, shape, strict=True) if isinstance(axis, str)}

    def _text(self, kind: Any, name: str, axes: tuple[Any, ...]) -> Any:
        content = self._array(name, [np.dtype(np.uint8)], None).tobytes()
        try:
            value = json.loads(content.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self._file_name}: {name} is no text: {error}") from error
        if kind is str or typing.get_origin(kind) is dict:
            if not isinstance(value, str if kind is str else dict):
                raise ValueError(f"{self._file_name}: {name} is something else than a {kind}")
            return value
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise ValueError(f"{self._file_name}: {name} is something else than a list of texts")
        self._check_shape(name, (len(value),), axes or None)
        return tuple(value) if kind == tuple[str, ...] else np.array(value, np.object_)
