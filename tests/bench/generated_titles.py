"""A made-up list of titles in the layout, and at the scale, of IMDb's title.basics.tsv.gz.

The shares of kinds, of unknown years and of unknown running times are about those of the real list, so are
the lengths of titles. A made-up title is an episode's number or ends with a word that no title of the extract
has, and so does what stands before its colon: who looks for movies finds the same as in the extract alone.
"""

import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from movierec_cli.files.atomic import written_whole

COLUMNS = (
    *("tconst", "titleType", "primaryTitle", "originalTitle", "isAdult"),
    *("startYear", "endYear", "runtimeMinutes", "genres"),
)
UNKNOWN = r"\N"
FIRST_YEAR, LAST_YEAR = 1890, 2027

_Texts = npt.NDArray[np.object_]
_Integers = npt.NDArray[np.int64]


class Kind(NamedTuple):
    """A title type and what its rows are like."""

    name: str
    share: float  # of all rows
    unknown_minutes: float  # share of its rows
    minutes: float  # median


KINDS = (
    Kind("tvEpisode", 0.7725, 0.60, 30),
    Kind("short", 0.095, 0.33, 12),
    Kind("movie", 0.063, 0.38, 90),
    Kind("video", 0.027, 0.35, 70),
    Kind("tvSeries", 0.024, 0.58, 35),
    Kind("tvMovie", 0.0185, 0.30, 80),
)
_EPISODE = 0
_UNKNOWN_YEARS, _NUMBERED_EPISODES, _OTHER_ORIGINALS, _ACCENTED = 0.12, 0.3, 0.03, 0.12
_LONGEST_MINUTES = 999
_SHARE_BY_N_WORDS = (0.16, 0.27, 0.21, 0.14, 0.09, 0.06, 0.03, 0.02, 0.01, 0.01)
_GENRES = ("Drama", "Comedy", "Documentary", "Comedy,Drama", "Action,Adventure,Animation", UNKNOWN)

_N_INVENTED = 200_000
_ONSETS = "b br c ch d dr f g gr h j k kl l m n p r s sh st t tr v w z".split()  # noqa: SIM905
_CODAS = ("", "", "", "", "", "n", "r", "l", "s")
_ACCENTS = str.maketrans("aeioun", "äéíøüñ")
_COLON_EVERY = 10
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

_ROWS_AT_ONCE = 200_000
_LARGEST_STEP = 5  # from one made-up tconst to the next: the real ones have gaps too


def write_titles(target: Path, extract: Path, n_rows: int, seed: int = 0) -> None:
    """Writes a gzipped list of `n_rows` titles, the header apart; the same bytes for the same arguments.

    Args:
        target: complete or absent.
        extract: a small list in the same layout, gzipped; its rows are among the `n_rows`, as they are, at
            even distances. Its tconsts should be above 5 * n_rows, which the made-up ones do not reach.
        n_rows: at least the extract's.
        seed: of everything that is drawn.

    Raises:
        ValueError: `n_rows` is less than the extract has.
    """
    real = gzip.decompress(extract.read_bytes()).decode().removesuffix("\n").split("\n")[1:]
    if n_rows < len(real):
        raise ValueError(f"n_rows is {n_rows:,}, but {extract} has {len(real):,} rows; ask for that many")
    blocks = _blocks(np.random.default_rng(seed), real, n_rows)
    with (
        written_whole(target) as temporary,
        temporary.open("wb") as file,
        # without name and time, which would be the only bytes that differ
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
    ):
        for rows in chain([["\t".join(COLUMNS)]], blocks):
            packed.write(("\n".join(rows) + "\n").encode())


def _blocks(rng: np.random.Generator, real: Sequence[str], n_rows: int) -> Iterator[list[str]]:
    """The rows, some hundred thousand at once."""
    known, invented = _vocabulary(rng, real)
    places = (np.arange(len(real)) + 0.5) * n_rows / max(len(real), 1)  # [n_real], increasing
    number = 0
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, n_rows)
        first, last = np.searchsorted(places, (start, stop))
        n_made = stop - start - (last - first)
        numbers = number + np.cumsum(rng.integers(1, _LARGEST_STEP, size=n_made, endpoint=True))
        number = int(numbers.max(initial=number))
        rows = np.array(_made_rows(rng, known, invented, numbers), dtype=np.object_)
        at = places[first:last].astype(np.int64) - start - np.arange(last - first)
        yield np.insert(rows, at, np.array(real[first:last], dtype=np.object_)).tolist()


def _vocabulary(rng: np.random.Generator, real: Sequence[str]) -> tuple[_Texts, _Texts]:
    """Words for all but a title's last, the extract's among them, and invented ones; frequent ones first."""
    counts = Counter(word for row in real for title in row.split("\t")[2:4] for word in _WORD.findall(title))
    known = [word for word, _ in counts.most_common()]
    invented = _invented_words(rng, {_plain(word) for word in known})
    with_colons = [f"{word}:" if n % _COLON_EVERY == 1 else word for n, word in enumerate(invented)]
    beside = list(chain.from_iterable(zip(known, with_colons, strict=False)))
    words = beside + with_colons[len(beside) // 2 :]
    return np.array(words, dtype=np.object_), np.array(invented, dtype=np.object_)


def _invented_words(rng: np.random.Generator, known: set[str]) -> list[str]:
    syllables = np.array([a + b + c for a in _ONSETS for b in "aeiou" for c in _CODAS], dtype=np.object_)
    ends = np.cumsum(rng.integers(2, 3, size=_N_INVENTED, endpoint=True))
    picked = syllables[rng.integers(len(syllables), size=ends[-1])].tolist()
    words = ["".join(picked[start:end]) for start, end in pairwise([0, *ends.tolist()])]
    different = dict(zip(words, rng.random(len(words)) < _ACCENTED, strict=True))
    return [
        (word.translate(_ACCENTS) if accented else word).capitalize()
        for word, accented in different.items()
        if word not in known
    ]


def _plain(word: str) -> str:
    """Lower case, without accents, and without all else that is not ASCII."""
    return unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode()


def _made_rows(rng: np.random.Generator, known: _Texts, invented: _Texts, numbers: _Integers) -> list[str]:
    n = len(numbers)
    names, shares, unknown_minutes, median = (np.array(column) for column in zip(*KINDS, strict=True))
    kinds = rng.choice(len(KINDS), p=shares / shares.sum(), size=n)  # [n], rows of KINDS
    primary = _titles(rng, known, invented, n)
    numbered = np.flatnonzero((kinds == _EPISODE) & (rng.random(n) < _NUMBERED_EPISODES))
    episodes = zip(*(rng.geometric(p, len(numbered)).tolist() for p in (0.3, 0.02)), strict=True)
    primary[numbered] = [f"Episode #{season}.{episode}" for season, episode in episodes]
    original = primary.copy()
    others = np.flatnonzero(rng.random(n) < _OTHER_ORIGINALS)
    original[others] = _titles(rng, known, invented, len(others))
    years = np.maximum(LAST_YEAR - rng.gamma(1.6, 10, n).astype(np.int64), FIRST_YEAR)
    minutes = np.clip(np.rint(median[kinds] * rng.lognormal(0, 0.3, n)), 1, _LONGEST_MINUTES)
    columns = (
        [f"tt{number:07d}" for number in numbers.tolist()],
        names[kinds].tolist(),
        primary.tolist(),
        original.tolist(),
        ["0"] * n,
        _known(years, rng.random(n) < _UNKNOWN_YEARS),
        [UNKNOWN] * n,
        _known(minutes.astype(np.int64), rng.random(n) < unknown_minutes[kinds]),
        rng.choice(_GENRES, size=n).tolist(),
    )
    return list(map("\t".join, zip(*columns, strict=True)))


def _known(values: _Integers, is_unknown: npt.NDArray[np.bool_]) -> list[str]:
    """Numbers as the file has them."""
    texts = np.array([UNKNOWN, *map(str, range(1, int(values.max(initial=0)) + 1))], dtype=np.object_)
    written: list[str] = texts[np.where(is_unknown, 0, values)].tolist()
    return written


def _titles(rng: np.random.Generator, known: _Texts, invented: _Texts, n: int) -> _Texts:
    """Words that need not go together, the last one invented: [n]."""
    n_words = rng.choice(len(_SHARE_BY_N_WORDS), p=_SHARE_BY_N_WORDS, size=n) + 1
    ends = np.cumsum(n_words)
    words = _drawn(rng, known, int(n_words.sum()))
    words[ends - 1] = _drawn(rng, invented, n)
    texts = words.tolist()
    titles = np.empty(n, dtype=np.object_)
    titles[:] = [" ".join(texts[start:end]) for start, end in pairwise([0, *ends.tolist()])]
    return titles


def _drawn(rng: np.random.Generator, words: _Texts, n: int) -> _Texts:
    """`n` of the words, the first ones more often: [n]."""
    return words[(len(words) * rng.random(n) ** 3).astype(np.int64)]
