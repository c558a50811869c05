"""The plainest values of options, without the package that Typer converts values with.

That package, pydantic, takes longer to import than recommending takes. Whatever is not plain is left to it,
so that values and messages are Typer's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


def keep_plain(params: Iterable[Any]) -> None:
    """Makes options take plain values as they are."""
    for param in params:
        if hasattr(param, "type_descriptor") and not isinstance(param.get_runtime_param, _PlainFirst):
            param.get_runtime_param = _PlainFirst(param.type_descriptor, param.get_runtime_param)


@dataclass(frozen=True)
class _PlainFirst:
    """Stands in the place of what gives Typer's conversion of one option, and is asked before it."""

    descriptor: Any
    of_typer: Callable[[], Any]

    def __call__(self) -> Self:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        annotation = self.descriptor.annotation
        if isinstance(annotation, type) and isinstance(value, annotation):
            return value  # a default, or a text that is to be one
        if isinstance(value, str) and not self._is_limited:
            if annotation is int and _WHOLE_NUMBER.fullmatch(value):
                return int(value)
            if annotation is Path and (os.access(value, os.R_OK) or not os.path.lexists(value)):
                return Path(value)
        return self.of_typer().coerce(value, param=param, ctx=ctx)

    @property
    def _is_limited(self) -> bool:
        """Whether more is asked of a value than its type."""
        info = self.descriptor.parameter_info
        of_paths = (info.exists, info.writable, info.resolve_path, info.allow_dash, info.path_type)
        return (
            any(of_paths)
            or not (info.file_okay and info.dir_okay)
            or info.parser is not None
            or info.min is not None
            or info.max is not None
        )
