"""JSON Schemas (draft 2020-12) of what `serialization.encode` makes of a type, read off its type hints."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from movierec_cli.config import Family, FeatureSet
from movierec_cli.config.families import FamilyFacts
from movierec_cli.config.features import FeatureFacts
from movierec_cli.storage.serialization import JSON

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Mapping[Any, dict[str, JSON]] = {
    types.NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string"},
    Any: {},
    object: {},
}


def json_schema(kind: Any, title: str) -> dict[str, JSON]:
    """The schema of one type; of each dataclass and table of keys in it, one definition.

    Raises:
        TypeError: a type within has no JSON form.
    """
    definitions: dict[str, JSON] = {}
    schema = _schema(kind, definitions)
    return {"$schema": DIALECT, "title": title, **schema, "$defs": dict(sorted(definitions.items()))}


def _schema(kind: Any, definitions: dict[str, JSON]) -> dict[str, JSON]:
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if kind is FeatureSet:
        return {
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, _definition(FeatureFacts, definitions)]},
        }
    origin = get_origin(kind)
    if origin in (Annotated, NotRequired):
        return _schema(get_args(kind)[0], definitions)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](get_args(kind), definitions)
    if kind is Family:
        return {"anyOf": [{"enum": [one.value for one in Family]}, _definition(FamilyFacts, definitions)]}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [one.value for one in kind]}
    if dataclasses.is_dataclass(kind) or is_typeddict(kind):
        return _definition(kind, definitions)
    if isinstance(kind, type) and issubclass(kind, str):
        return {"type": "string"}
    raise TypeError(f"{kind} has no JSON form")


def _definition(kind: Any, definitions: dict[str, JSON]) -> dict[str, JSON]:
    name: str = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # for what names itself
        hints = get_type_hints(kind, include_extras=True)
        names = list(hints) if is_typeddict(kind) else [one.name for one in dataclasses.fields(kind)]
        definitions[name] = {
            "description": (kind.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": {one: _schema(hints[one], definitions) for one in names},
            "required": [one for one in names if get_origin(hints[one]) is not NotRequired],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


def _one_of_several(parts: tuple[Any, ...], definitions: dict[str, JSON]) -> dict[str, JSON]:
    return {"anyOf": [_schema(one, definitions) for one in parts]}


def _array(parts: tuple[Any, ...], definitions: dict[str, JSON]) -> dict[str, JSON]:
    if Ellipsis in parts or len(parts) == 1:
        return {"type": "array", "items": _schema(parts[0], definitions)}
    items: list[JSON] = [_schema(one, definitions) for one in parts]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _table(parts: tuple[Any, ...], definitions: dict[str, JSON]) -> dict[str, JSON]:
    return {"type": "object", "additionalProperties": _schema(parts[1], definitions)}


_CONTAINERS: Mapping[Any, Callable[[tuple[Any, ...], dict[str, JSON]], dict[str, JSON]]] = {
    types.UnionType: _one_of_several,
    Union: _one_of_several,
    tuple: _array,
    list: _array,
    dict: _table,
    Mapping: _table,
}
