"""What is wrong with a request, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WANTED = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "json_invalid": "is no JSON",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_long": "must have {max_length} entries at most",
    "string_too_long": "must have {max_length} characters at most",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be a text",
}
_BY_ENDING = {"int": "must be a whole number", "float": "must be a number", "string": "must be a text"}


def sentence_of(problems: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong, by the first problem that validation found: "top must be a whole number"."""
    if not problems:
        return "the request is not as /docs says"
    first = problems[0]
    kind, context = str(first.get("type", "")), dict(first.get("ctx") or {})
    where = [part for part in first.get("loc", ()) if part not in ("body", "query", "path")]
    names = [str(part)[:40] for part in where if not (isinstance(part, str) and part in ("int", "str"))]
    name = ".".join(names) if names and kind != "json_invalid" else "the body"
    wanted = _WANTED.get(kind) or next(
        (said for begin, said in _BY_ENDING.items() if kind.startswith(begin)), "is not as /docs says"
    )
    try:
        return f"{name} {wanted.format(**context)}"
    except (KeyError, IndexError):
        return f"{name} is not as /docs says"
