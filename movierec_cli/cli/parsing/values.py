"""Options that take several values of one kind, from text to values."""

from __future__ import annotations

from collections.abc import Sequence

from movierec_cli.cli.parsing.feature_sets import split_words
from movierec_cli.config import BASELINES, Family
from movierec_cli.errors import UsageError

LARGEST_K = 1_000_000  # more than any catalogue has
_ALL, _NONE = "all", "None"


def parse_whole_numbers(value: str, option: str, example: str) -> tuple[int, ...]:
    """Reads "64,32" or "64 32".

    Raises:
        UsageError: something in it is not a whole number.
    """
    words = split_words(value, option)
    try:
        return tuple(int(word) for word in words)
    except ValueError:
        raise UsageError(
            f"{option} is '{' '.join(words)}'; it takes whole numbers such as {example}"
        ) from None


def parse_top_k(value: str) -> tuple[int, ...]:
    """Reads "10 100" into ascending numbers, each once.

    Raises:
        UsageError: one is not a whole number from 1 to `LARGEST_K`.
    """
    ks = sorted(set(parse_whole_numbers(value, "--top_k", "10 100")))
    for k in (ks[0], ks[-1]):
        if not 1 <= k <= LARGEST_K:
            raise UsageError(f"--top_k has {k}; each must be 1 to {LARGEST_K}")
    return tuple(ks)


def parse_baselines(value: str) -> tuple[Family, ...]:
    """Reads what models that rank have to beat: "popularity,ease", "all" or "None".

    Raises:
        UsageError: a name is unknown, or all or None stands beside another.
    """
    return parse_families(value, "--baselines", BASELINES)


def parse_families(value: str, option: str, known: Sequence[Family]) -> tuple[Family, ...]:
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


def complete_baseline(incomplete: str) -> list[str]:
    """Baselines for the shell, also after a comma."""
    return complete_family(incomplete, BASELINES)


def complete_family(incomplete: str, known: Sequence[Family]) -> list[str]:
    """Names for the shell, also after a comma."""
    before, comma, word = incomplete.rpartition(",")
    names = [*known, _ALL, _NONE]
    return [f"{before}{comma}{name}" for name in names if name.startswith(word.replace("_", "-"))]
