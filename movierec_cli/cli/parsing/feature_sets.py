"""Feature sets as the command line has them: "timestamp,movie_genres"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from movierec_cli.cli.console import Terminal
from movierec_cli.config import DEFAULT_FEATURE_SETS, FeatureSet
from movierec_cli.config.features import feature_names
from movierec_cli.errors import UsageError

_SEPARATORS = re.compile(r"[,\s]+")


def parse_feature_sets(
    values: Sequence[str], terminal: Terminal, default: Sequence[FeatureSet] = DEFAULT_FEATURE_SETS
) -> tuple[FeatureSet, ...]:
    """One set a value such as "timestamp,movie_genres"; repeated sets are dropped with a note.

    Args:
        values: as given; none for the default.
        terminal: where the note goes.
        default: the sets that are used when none is named.

    Raises:
        UsageError: a name is unknown.
    """
    sets: list[FeatureSet] = []
    for value in values:
        feature_set = FeatureSet.parse(split_words(value, "--additional_feature_sets"))
        if feature_set in sets:
            terminal.note(f"The feature set '{feature_set.label}' is named twice; it counts once.")
        else:
            sets.append(feature_set)
    return tuple(sets or default)


def split_words(value: str, option: str) -> list[str]:
    """The values of an option that takes several, separated by spaces or commas.

    Raises:
        UsageError: there is none; names the option.
    """
    words = [word for word in _SEPARATORS.split(value) if word]
    if not words:
        raise UsageError(f"{option} is '{value}'; it needs one value or more")
    return words


def complete_feature(incomplete: str) -> list[str]:
    """Feature names for the shell, also after a comma."""
    before, comma, word = incomplete.rpartition(",")
    word = word.replace("-", "_")
    return [f"{before}{comma}{name}" for name in feature_names() if name.startswith(word)]


def sets_shown(feature_sets: Iterable[FeatureSet] = DEFAULT_FEATURE_SETS) -> str:
    """Sets as they are named on the command line, for `--help`."""
    return "; ".join(feature_set.label.replace(" + ", " ") for feature_set in feature_sets)
