"""How messages count and list things, and what of a text may be shown."""

import difflib
import re
from collections.abc import Callable, Iterable

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and line feed
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\u2028-\u202e"  # lines, and embeddings of another direction
    "\ud800-\udfff"  # halves of characters, which cannot be encoded
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]"  # joiners, but in scripts and pictures that need them
)
"""What a terminal would act on, or what would make one text look like another."""


def printable(text: str, replaced: Callable[[str], str] = lambda character: "\ufffd") -> str:
    """A text of which each character is shown: controls, halves and what is invisible are replaced.

    Args:
        text: from anywhere.
        replaced: what stands for such a character; by default one of the same width, "�".
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: replaced(match[0]), text)


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 movie", "1,200 movies"."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """Such as "a movie", "an item"."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as a sentence names them: "a", "a and b", "a, b and c"; "" for none."""
    *first, end = tuple(words) or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Such as "; did you mean movie_genres?" where a known word is like another; else ""."""
    alike = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {alike[0]}?" if alike else ""
