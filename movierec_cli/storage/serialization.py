"""Records as strict JSON: every field is written, and nothing but those fields is read back.

The dataclasses' type hints are the schema, so a record and its file cannot drift apart. A change
that alters what is written needs a new `FORMAT_VERSION`.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import numpy as np

from movierec_cli.config import Family, Feature, FeatureSet
from movierec_cli.config.families import FamilyFacts
from movierec_cli.config.features import FeatureFacts, recorded
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.storage.constraints import Constraint

T = TypeVar("T")
_LARGEST = 2**63 - 1
JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None


@functools.cache
def hints_of(kind: Any) -> dict[str, Any]:
    """The type hints of a dataclass's fields, by name, `Annotated` included."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def parse_json(text: str | bytes) -> object:
    """What the text says, where it is JSON as the standard has it.

    Raises:
        ValueError: it is not, holds NaN or a number that no float holds, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


def encode(value: object) -> JSON:
    """Turns a record, configuration or part of one into plain JSON values.

    Raises:
        MovierecError: a number is not finite, such as the loss of a training that diverged.
        TypeError: the value's type has no JSON form.
    """
    if isinstance(value, FeatureSet):
        return [_encode_feature(one) for one in value.features]
    if isinstance(value, Family):
        return value.value if value.origin is None else encode(FamilyFacts.of(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode_field(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise MovierecError(f"a result is {value}, so the training diverged; try a lower --learning_rate")
    if isinstance(value, str | bool | int | float | None):
        return float(value) if isinstance(value, float) else value
    raise TypeError(f"{value!r} of type {type(value).__name__} has no JSON form")


def _encode_feature(feature: Feature) -> JSON:
    return str(feature) if feature.origin is None else encode(FeatureFacts.of(feature))


def _encode_field(owner: Any, name: str) -> JSON:
    kind: Any = type(owner)
    value = getattr(owner, name)
    if isinstance(value, int) and hints_of(kind)[name] in (float, float | None):
        return float(value)  # 0 and 0.0 are equal settings, so they must read and hash alike
    return encode(value)


def canonical_json(value: object) -> str:
    """One text for equal values: keys sorted, no spaces."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def decode(kind: type[T], value: object, *, folder: Path, key: str = "record") -> T:
    """Builds a dataclass, enum or plain type from what the JSON parser gave.

    What `encode` would not have written is refused; messages name the run's folder and the dotted place in
    the file, `key`.

    Raises:
        SavedModelError: a key is missing or unknown, or a value has the wrong type or range.
    """
    return typing.cast(T, _decode(kind, value, _Place(folder, key)))


@dataclasses.dataclass(frozen=True)
class _Place:
    folder: Path
    key: str

    def inside(self, key: object) -> _Place:
        return _Place(self.folder, f"{self.key}.{key}")

    def refuse(self, problem: str) -> SavedModelError:
        return SavedModelError(
            f"{self.folder}: run.json is damaged or not movierec's: '{self.key}' {problem}"
        )


def _decode(kind: Any, value: object, place: _Place) -> object:
    if typing.get_origin(kind) is Annotated:
        kind, *notes = typing.get_args(kind)
        return _constrained(_decode(kind, value, place), notes, place)
    if kind is FeatureSet:
        found: Any = _decode_tuple(tuple[Feature, ...], value, place)
        return _checked(lambda: FeatureSet(found), place)
    if kind is Feature:
        return _decode_feature(value, place)
    if kind is Family and isinstance(value, dict):
        facts: Any = _decode_dataclass(FamilyFacts, value, place)
        return _checked(cast(FamilyFacts, facts).family, place)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, place)
    return _CONTAINERS.get(typing.get_origin(kind), _decode_scalar)(kind, value, place)


def _constrained(value: object, constraints: Sequence[Constraint], place: _Place) -> object:
    for constraint in constraints:
        numbers = list(value.values()) if isinstance(value, dict) else value
        if constraint.wrong(np.array(numbers), {}).any():
            raise place.refuse(f"is {_shortened(value)}, which is not {constraint}")
    return value


def _decode_dataclass(kind: Any, value: object, place: _Place) -> object:
    content = _expect(dict, value, place)
    hints = hints_of(kind)
    for key in sorted(content.keys() - hints.keys()):
        raise place.inside(key).refuse("is not a known key")
    for key in sorted(hints.keys() - content.keys()):
        raise place.inside(key).refuse("is missing")
    fields = {key: _decode(hint, content[key], place.inside(key)) for key, hint in hints.items()}
    return _checked(lambda: kind(**fields), place)


def _checked(build: Callable[[], T], place: _Place) -> T:
    try:
        return build()
    except SavedModelError:
        raise
    except MovierecError as error:  # the configuration's own checks
        raise place.refuse(f"is refused: {error}") from error


def _decode_feature(value: object, place: _Place) -> Feature:
    """That of a package is kept with what there is to know of it; it need not be installed."""
    if isinstance(value, dict):
        facts: Any = _decode_dataclass(FeatureFacts, value, place)
        return cast(FeatureFacts, facts).feature()
    name: str = _expect(str, value, place)
    return _checked(lambda: recorded(name), place)


def _decode_tuple(kind: Any, value: object, place: _Place) -> object:
    item_kind, *others = typing.get_args(kind)
    items = _expect(list, value, place)
    if Ellipsis not in others and len(items) != 1 + len(others):
        raise place.refuse(f"has {len(items)} values, not {1 + len(others)}")
    return tuple(_decode(item_kind, item, place.inside(index)) for index, item in enumerate(items))


def _decode_dict(kind: Any, value: object, place: _Place) -> object:
    key_kind, item_kind = typing.get_args(kind)
    content = _expect(dict, value, place)
    return {
        _decode_key(key_kind, key, place): _decode(item_kind, item, place.inside(key))
        for key, item in content.items()
    }


def _decode_union(kind: Any, value: object, place: _Place) -> object:
    if value is None and types.NoneType in typing.get_args(kind):
        return None
    first, *others = (option for option in typing.get_args(kind) if option is not types.NoneType)
    keys = value.keys() if isinstance(value, dict) else set[str]()
    # Several options are dataclasses: it is the one that has the keys, else the first, which then refuses.
    fitting = (option for option in others if hints_of(option).keys() == keys)
    return _decode(next(fitting, first), value, place)


_CONTAINERS = {tuple: _decode_tuple, dict: _decode_dict, types.UnionType: _decode_union}


def _decode_key(kind: type, key: str, place: _Place) -> object:
    try:
        return _expect(int, int(key), place.inside(key)) if kind is int else _expect(str, key, place)
    except ValueError:
        raise place.inside(key).refuse("is not a whole number") from None


def _decode_scalar(kind: Any, value: object, place: _Place) -> object:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            if kind is Family and value not in list(Family):  # those of packages are no plain texts
                raise ValueError
            return kind(value)
        except ValueError:
            raise place.refuse(f"is {value!r}, not one of {', '.join(map(str, kind))}") from None
    if kind is Path:
        return Path(_expect(str, value, place))
    if kind is float and type(value) is int:
        return float(_expect(int, value, place))
    return _expect(kind, value, place)


def _expect(kind: Any, value: object, place: _Place) -> Any:
    wrong_bool = isinstance(value, bool) and kind is not bool
    if wrong_bool or not isinstance(value, kind):
        raise place.refuse(f"is {_shortened(value)}, not a value of type {kind.__name__}")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise place.refuse("is a number of more than 64 bits")
    if isinstance(value, str) and value.encode(errors="ignore").decode() != value:  # halves of UTF-16 pairs
        raise place.refuse(f"is {_shortened(value)}, which is no text")
    return value


def _shortened(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
