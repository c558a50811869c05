"""Options that take several values, such as "timestamp,movie_genres" or "10 100", from text to values."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from movierec_cli.cli.console import Terminal
from movierec_cli.config import BASELINES, DEFAULT_FEATURE_SETS, RATING_BASELINES, Family, FeatureSet, Task
from movierec_cli.config.features import feature_names
from movierec_cli.config.setting import COUNT
from movierec_cli.errors import UsageError

N = TypeVar("N", int, float)

_ALL, _NONE = "all", "None"
_SEPARATORS = re.compile(r"[,\s]+")


def parse_feature_sets(values: Sequence[str], terminal: Terminal) -> tuple[FeatureSet, ...] | None:
    """One set a value such as "timestamp,movie_genres"; None where none is named.

    Repeated sets are dropped with a note on the terminal.

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
    return tuple(sets) or None


def split_words(value: str, option: str) -> list[str]:
    """The values of an option that takes several, separated by spaces or commas.

    Raises:
        UsageError: there is none; names the option.
    """
    words = [word for word in _SEPARATORS.split(value) if word]
    if not words:
        raise UsageError(f"{option} is '{value}'; it needs one value or more")
    return words


def parse_numbers(value: str, option: str, wanted: str, kind: type[N]) -> tuple[N, ...]:
    """Reads "64,32" or "64 32".

    Args:
        value: as given.
        option: for the message.
        wanted: for the message, such as "whole numbers such as 64 32".
        kind: of the numbers.

    Raises:
        UsageError: something in it is no such number.
    """
    words = split_words(value, option)
    try:
        numbers = tuple(kind(word) for word in words)
    except ValueError:
        numbers = ()
    if not numbers or not all(-math.inf < number < math.inf for number in numbers):
        raise UsageError(f"{option} is '{' '.join(words)}'; it takes {wanted}")
    return numbers


def parse_top_k(value: str) -> tuple[int, ...]:
    """Reads "10 100" into ascending numbers, each once.

    Raises:
        UsageError: one is not a whole number of `COUNT`.
    """
    ks = sorted(set(parse_numbers(value, "--top_k", "whole numbers such as 10 100", int)))
    for k in (ks[0], ks[-1]):
        if not COUNT.holds(k):
            raise UsageError(f"--top_k has {k}; each must be {COUNT.wanted}")
    return tuple(ks)


def parse_metric_name(value: str | None) -> str | None:
    """Reads "recall@100"; None where nothing is given.

    Raises:
        UsageError: models are not compared by such a metric.
    """
    if value is None:
        return None
    from movierec_cli.evaluation.metrics import deciding_metric

    return deciding_metric(value)


def parse_families(
    value: str, option: str = "--baselines", known: Sequence[Family] = BASELINES
) -> tuple[Family, ...]:
    """Reads names among the known ones, "all" of them or "None".

    Raises:
        UsageError: a name is unknown, or all or None stands beside another.
    """
    given = split_words(value, option)
    words = [word.lower().replace("_", "-") for word in given]
    for alone, families in ((_ALL, known), (_NONE, ())):
        if alone.lower() in words:
            if len(words) > 1:
                raise UsageError(f"{option} is '{' '.join(given)}'; '{alone}' cannot stand with others")
            return tuple(families)
    unknown = [word for word in words if word not in list(known)]
    if unknown:
        names = ", ".join([*known, _ALL, _NONE])
        raise UsageError(f"{option}: unknown baseline '{unknown[0]}'; known: {names}")
    return tuple(map(Family.named, dict.fromkeys(words)))


def completing(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Offers names to the shell, in either spelling, also after a comma."""

    def complete(incomplete: str) -> list[str]:
        before, comma, word = incomplete.rpartition(",")
        start = word.replace("-", "_")
        return [f"{before}{comma}{name}" for name in names if name.replace("-", "_").startswith(start)]

    return complete


complete_feature = completing(feature_names())
complete_baseline = completing([*BASELINES, _ALL, _NONE])
complete_task = completing(Task)
complete_rating_baseline = completing([*RATING_BASELINES, _ALL, _NONE])


def sets_shown(feature_sets: Iterable[FeatureSet] = DEFAULT_FEATURE_SETS) -> str:
    """Sets as they are named on the command line, for `--help`."""
    return "; ".join(feature_set.label.replace(" + ", " ") for feature_set in feature_sets)
