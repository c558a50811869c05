"""What the shell is offered for the values of options."""

import enum
from collections.abc import Callable, Iterable
from typing import Any

from movierec_cli.config import BASELINES, RATING_BASELINES, TRAINABLE, Task
from movierec_cli.config.entry_points import EntryKind, names_of
from movierec_cli.config.features import feature_names
from movierec_cli.config.option_values import ALL, NONE, type_of

Completion = Callable[[str], Any]


def completing(names: Iterable[str], entries: EntryKind | None = None) -> Completion:
    """Offers names, and those of installed packages, to the shell, in either spelling, also after a comma."""

    def complete(incomplete: str) -> list[str]:
        before, comma, word = incomplete.rpartition(",")
        start = word.replace("-", "_")
        every = (*names, *(names_of(entries, names) if entries else ()))
        return [f"{before}{comma}{name}" for name in every if name.replace("-", "_").startswith(start)]

    return complete


def complete_dataset(incomplete: str) -> list[tuple[str, str]]:
    """Data set names and titles."""
    from movierec_cli.data.sources import SOURCES

    return [(key, source.title) for key, source in SOURCES.items() if key.startswith(incomplete)]


complete_feature = completing(feature_names(), EntryKind.FEATURE)
complete_baseline = completing([*BASELINES, ALL, NONE], EntryKind.FAMILY)

_BY_OPTION: dict[str, Completion] = {
    "additional_feature_sets": complete_feature,
    "dataset": complete_dataset,
    "family": completing(TRAINABLE, EntryKind.FAMILY),
    "tasks": completing(Task),
    "baselines": complete_baseline,
    "rating_baselines": completing([*RATING_BASELINES, ALL, NONE]),
}


def completion_of(option: str, hint: Any) -> Completion | None:
    """What an option's values are completed with, by its name or else its type; None for nothing."""
    kind = type_of(hint)
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    return _BY_OPTION.get(option) or (completing(map(str, kind)) if is_enum else None)
