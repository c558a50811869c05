"""Judges the entries of an installed package as those that are built in are judged."""

import functools
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from movierec_cli.config import FEATURES, DataConfig, Family
from movierec_cli.config.entry_points import Declared, EntryKind, declared, find
from movierec_cli.config.features import installed
from movierec_cli.contract.claims import Claim, judged, require
from movierec_cli.contract.family_contract import check_family
from movierec_cli.contract.feature_contract import check_feature
from movierec_cli.contract.layout_contract import check_layout
from movierec_cli.contract.metric_contract import check_metric
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.source_files import Layout
from movierec_cli.data.sources import SAMPLE, LayoutKind
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import METRICS, Metric
from movierec_cli.records import dataclass
from movierec_cli.text import did_you_mean

_BUILT_IN: Mapping[EntryKind, frozenset[str]] = {
    EntryKind.FEATURE: frozenset((*FEATURES, *(one.alias for one in FEATURES.values() if one.alias))),
    EntryKind.FAMILY: frozenset(one.value for one in Family),
    EntryKind.METRIC: frozenset(METRICS),
    EntryKind.LAYOUT: frozenset(one.value for one in LayoutKind),
}


@dataclass(frozen=True)
class CheckedEntry:
    """An entry, and what of the contract it meets."""

    kind: EntryKind
    name: str
    package: str
    version: str
    target: str  # "their_package.module:OBJECT"
    claims: tuple[Claim, ...]

    @property
    def is_sound(self) -> bool:
        """Whether it meets all of it."""
        return not any(claim.problem for claim in self.claims)


def check_plugin(name: str, data: DataConfig | None = None) -> tuple[CheckedEntry, ...]:
    """Judges the entries of this name, or all of a package.

    Args:
        name: of entries of any kind, or of an installed package that declares some.
        data: what features are fitted to and families trained on; None: the embedded sample.

    Raises:
        UsageError: no package declares such an entry.
        DataError: the data cannot be read.
    """
    of_package = [one for one in declared() if _plain(one.origin.package) == _plain(name)]
    chosen = of_package or [one for one in declared() if one.name == name]
    if not chosen:
        names = list(dict.fromkeys(word for one in declared() for word in (one.origin.package, one.name)))
        there = f"there are {', '.join(names)}" if names else "no installed package declares any"
        raise UsageError(f"no entry and no package is called '{name}'{did_you_mean(name, names)}; {there}")
    dataset = functools.cache(lambda: load_dataset(data or DataConfig(dataset=SAMPLE)))
    return tuple(_checked(one, dataset) for one in chosen)


def _plain(package: str) -> str:
    return package.lower().replace("_", "-").replace(".", "-")


def _checked(one: Declared, dataset: Callable[[], Dataset]) -> CheckedEntry:
    first = (
        ("has a name of its own", lambda: _require_name(one)),
        ("can be imported", lambda: require(_entry(one) is not None, "it is not found")),
    )
    claims = list(judged(first))
    if not any(claim.problem for claim in claims):
        with tempfile.TemporaryDirectory() as folder:
            claims += _CONTRACTS[one.kind](_entry(one), dataset, Path(folder))
    origin = one.origin
    return CheckedEntry(one.kind, one.name, origin.package, origin.version, one.target, tuple(claims))


def _require_name(one: Declared) -> None:
    is_taken = one.name in _BUILT_IN[one.kind]
    require(not is_taken, f"movierec has a {one.kind} '{one.name}', which is used in its place; rename yours")
    mark = "-" if one.kind in (EntryKind.FAMILY, EntryKind.LAYOUT) else "_"
    words = f"the name of a {one.kind} is of small letters and digits, with '{mark}' between"
    require(re.fullmatch(rf"[a-z][a-z0-9]*({mark}[a-z0-9]+)*", one.name), words)


def _entry(one: Declared) -> Any:
    """As it is used; refuses one that two packages have."""
    find(one.kind, one.name)
    if one.kind is EntryKind.FEATURE:
        return installed(one.name)
    if one.kind is EntryKind.FAMILY:
        return Family.named(one.name)
    if one.kind is EntryKind.METRIC:
        return one.load(Metric)
    return replace(one.load(Layout), kind=one.name)


_CONTRACTS: Mapping[EntryKind, Callable[[Any, Callable[[], Dataset], Path], list[Claim]]] = {
    EntryKind.FEATURE: lambda entry, dataset, folder: check_feature(entry, dataset()),
    EntryKind.FAMILY: lambda entry, dataset, folder: check_family(entry, dataset(), folder),
    EntryKind.METRIC: lambda entry, dataset, folder: check_metric(entry),
    EntryKind.LAYOUT: lambda entry, dataset, folder: check_layout(entry.kind, entry.example, folder),
}
