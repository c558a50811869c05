"""Entries of people's own packages: declared as entry points, and imported when one is asked for by name.

A package declares an entry in its pyproject.toml: `[project.entry-points."movierec.metrics"]` and below it
`hit_rate = "their_package.module:OBJECT"`. What is built in comes first: no package is looked for where its
name is asked for.
"""

from __future__ import annotations

import enum
import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass
from movierec_cli.text import listed

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_FRONT = "movierec."


class EntryKind(enum.StrEnum):
    """What a package may bring; the value is what one is called."""

    FEATURE = "feature"
    FAMILY = "family"
    METRIC = "metric"
    LAYOUT = "layout"

    @property
    def group(self) -> str:
        """The name of the group of entry points."""
        return f"{_FRONT}{_GROUPS[self]}"


_GROUPS = {
    EntryKind.FEATURE: "features",
    EntryKind.FAMILY: "families",
    EntryKind.METRIC: "metrics",
    EntryKind.LAYOUT: "layouts",
}


class PluginError(MovierecError):
    """An entry of an installed package cannot be used, or its package is not installed."""


@dataclass(frozen=True)
class Origin:
    """The package that brings an entry."""

    package: str
    version: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Declared:
    """An entry point of an installed package; nothing of the package is imported yet."""

    kind: EntryKind
    name: str
    target: str  # "their_package.module:OBJECT"
    origin: Origin
    point: EntryPoint

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' of package {self.origin} ({self.target})"

    def load(self, wanted: type[T]) -> T:
        """The entry itself.

        Raises:
            PluginError: it cannot be imported, or is something else.
        """
        try:
            entry = self.point.load()
        except (Exception, SystemExit) as error:
            raise PluginError(f"{self} cannot be imported: {told(error)}") from error
        if not isinstance(entry, wanted):
            raise PluginError(
                f"{self} is of type {type(entry).__name__}; it must be a movierec_cli.plugins."
                f"{wanted.__name__}"
            )
        return entry


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """An entry of a package."""

    entry: T
    origin: Origin


def named_in_errors(function: F, who: str) -> F:
    """Somebody's function, whose errors say whose it is."""

    @functools.wraps(function)
    def called(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except MovierecError:
            raise
        except Exception as error:
            raise PluginError(f"{who}: {told(error)}") from error

    return cast(F, called)


def told(error: BaseException) -> str:
    """An error of somebody's code in a line: its type and what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")


@functools.cache
def declared() -> tuple[Declared, ...]:
    """All that the installed packages declare, by kind, name and package."""
    from importlib.metadata import entry_points

    found = {
        (kind, point.name, point.dist.name): Declared(
            kind, point.name, point.value, Origin(point.dist.name, point.dist.version), point
        )
        for kind in EntryKind
        for point in entry_points(group=kind.group)
        if point.dist is not None
    }
    return tuple(found[key] for key in sorted(found))


def names_of(kind: EntryKind, built_in: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that packages declare, without those that are built in."""
    if not _any_is_installed():
        return ()
    taken = set(built_in)
    return tuple(dict.fromkeys(one.name for one in declared() if one.kind is kind and one.name not in taken))


def find(kind: EntryKind, name: str) -> Declared | None:
    """The entry of a name, which is not built in; None where no package has one.

    Raises:
        PluginError: several packages have one.
    """
    found = [one for one in declared() if (one.kind, one.name) == (kind, name)]
    if len(found) > 1:
        packages = listed(str(one.origin) for one in found)
        raise PluginError(f"{kind} '{name}' is in packages {packages}; uninstall all but one of them")
    return found[0] if found else None


def load(kind: EntryKind, name: str, wanted: type[T]) -> Loaded[T] | None:
    """The same, imported.

    Raises:
        PluginError: several packages have one, or it cannot be imported or is no `wanted`.
    """
    found = find(kind, name)
    return None if found is None else Loaded(found.load(wanted), found.origin)


def usable(kind: EntryKind, wanted: type[T]) -> tuple[dict[str, Loaded[T]], tuple[str, ...]]:
    """All entries of a kind that packages bring, by name, and a sentence for each that cannot be used."""
    found: dict[str, Loaded[T]] = {}
    problems = []
    for name in names_of(kind):
        try:
            one = load(kind, name, wanted)
        except PluginError as error:
            problems.append(str(error))
        else:
            found |= {} if one is None else {name: one}
    return found, tuple(problems)


def require_origin(kind: EntryKind, name: str, origin: Origin) -> None:
    """Refuses to go on with an entry that a saved model was trained with where it is not the one installed.

    Raises:
        PluginError: names both packages and what to do.
    """
    found = find(kind, name)
    version = f"pip install '{origin.package}=={origin.version}'"
    if found is None:
        raise PluginError(
            f"{kind} '{name}' is in package {origin}, which is not installed; install it: {version}"
        )
    if found.origin != origin:
        raise PluginError(
            f"the model was trained with {kind} '{name}' of package {origin}, and {found.origin} is"
            f" installed; train the model again, or install that version: {version}"
        )


def why_not_at_hand(kind: EntryKind, name: str, origin: Origin) -> str:
    """Why an entry that a saved model was trained with cannot be trained again here; "" where it can."""
    try:
        require_origin(kind, name, origin)
    except PluginError as error:
        return str(error)
    return ""


def shadowed(used: Mapping[EntryKind, Iterable[str]]) -> list[str]:
    """A sentence for each entry of a package that is not used, as what is built in has its name.

    Args:
        used: names of what is built in and used, by kind.
    """
    if not _any_is_installed():
        return []
    names = {(kind, str(name)) for kind, several in used.items() for name in several}
    return [
        f"The {one} is not used: movierec's own {one.kind} of that name is."
        for one in declared()
        if (one.kind, one.name) in names
    ]


@functools.cache
def _any_is_installed() -> bool:
    """Whether a package on the path declares an entry: a look at the files.

    Most people have none, and to import `importlib.metadata` takes longer than this.
    """
    return any(map(_declares_any, sys.path))


def _declares_any(folder: str) -> bool:
    try:
        with os.scandir(folder or ".") as entries:
            names = [one.name for one in entries if one.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # no folder; a zip has no plug-ins that the help would name
        return False
    return any(_declares(os.path.join(folder, name, "entry_points.txt")) for name in names)


def _declares(file: str) -> bool:
    try:
        with open(file, "rb") as stream:
            return f"[{_FRONT}".encode() in stream.read()
    except OSError:
        return False
