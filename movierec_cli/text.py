"""How messages count and list things."""

from collections.abc import Iterable


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 movie", "1,200 movies"."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as a sentence names them: "a", "a and b", "a, b and c"; "" for none."""
    *first, end = tuple(words) or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end
