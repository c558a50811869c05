"""A made-up list of titles in the layout, and at the scale, of IMDb's title.basics.tsv.gz.

The shares of kinds, of unknown years and of unknown running times are about those of the real list, so are
the lengths of titles. A made-up title is an episode's number or ends with a word that no title of the extract
has, and so does what stands before its colon: who looks for films must find the same as in the extract alone.
"""

import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.files.atomic import written_whole

COLUMNS = (
    "tconst",
    "titleType",
    "primaryTitle",
    "originalTitle",
    "isAdult",
    "startYear",
    "endYear",
    "runtimeMinutes",
    "genres",
)
UNKNOWN = r"\N"
FIRST_YEAR, LAST_YEAR = 1890, 2027

_Texts = npt.NDArray[np.object_]
_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """A title type and what its rows are like."""

    name: str
    share: float  # of all rows
    unknown_minutes: float  # share of its rows
    minutes: float  # median
    age: float  # scale of the gamma distribution of years before the last one
    other_original: float  # share with an original title of its own
    has_end: bool = False


KINDS = (
    Kind("tvEpisode", 0.76, 0.60, 30, 9, 0.005),
    Kind("short", 0.095, 0.33, 12, 12, 0.06),
    Kind("movie", 0.063, 0.38, 90, 20, 0.15),
    Kind("video", 0.027, 0.35, 70, 10, 0.03),
    Kind("tvSeries", 0.024, 0.58, 35, 12, 0.12, has_end=True),
    Kind("tvMovie", 0.013, 0.30, 80, 16, 0.12),
    Kind("tvMiniSeries", 0.005, 0.60, 60, 9, 0.1, has_end=True),
    Kind("tvSpecial", 0.0045, 0.50, 60, 11, 0.03),
    Kind("videoGame", 0.0035, 0.98, 60, 10, 0.03),
    Kind("tvShort", 0.001, 0.30, 11, 16, 0.06),
)
_EPISODE = 0
_UNKNOWN_YEARS, _ADULT, _NUMBERED_EPISODES, _ENDED = 0.12, 0.03, 0.3, 0.5
_LONGEST_MINUTES = 999
_SHARE_BY_N_WORDS = (0.16, 0.27, 0.21, 0.14, 0.09, 0.06, 0.03, 0.02, 0.01, 0.01)

_N_INVENTED = 200_000
_ONSETS = "b br c ch d dr f g gr h j k kl l m n p r s sh st t tr v w z".split()  # noqa: SIM905
_VOWELS = "a e i o u ea".split()  # noqa: SIM905
_CODAS = ("", "", "", "", "", "n", "r", "l", "s")
_ALPHABETS = (
    (0.88, str.maketrans("", "")),
    (0.09, str.maketrans("aeioun", "äéíøüñ")),
    (0.02, str.maketrans("abcdefghijklmnopqrstuvwz", "абкдефгхийклмнопкрстуввз")),
    (0.01, str.maketrans("abcdefghijklmnopqrstuvwz", "αβκδεφγηιικλμνοπκρστυφωζ")),
)
_COLON_EVERY = 10
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_GENRES = (
    *("Action", "Adult", "Adventure", "Animation", "Biography", "Comedy", "Crime", "Documentary", "Drama"),
    *("Family", "Fantasy", "Game-Show", "History", "Horror", "Music", "Musical", "Mystery", "News"),
    *("Reality-TV", "Romance", "Sci-Fi", "Short", "Sport", "Talk-Show", "Thriller", "War", "Western"),
)
_N_GENRE_LISTS = 600

_ROWS_AT_ONCE = 200_000
_LARGEST_STEP = 5  # from one made-up tconst to the next: the real ones have gaps too


def write_titles(target: Path, extract: Path, n_rows: int, seed: int = 0) -> None:
    """Writes a gzipped list of `n_rows` titles, the header apart; the same bytes for the same arguments.

    Args:
        target: written beside, then renamed.
        extract: a small list in the same layout, gzipped; its rows are among the `n_rows`, as they are, at
            even distances. Its tconsts should be above 5 * n_rows, which the made-up ones do not reach.
        n_rows: at least the extract's.
        seed: of everything that is drawn.

    Raises:
        ValueError: `n_rows` is less than the extract has.
    """
    real = _extract_rows(extract)
    if n_rows < len(real):
        raise ValueError(f"n_rows is {n_rows:,}, but {extract} has {len(real):,} rows; ask for that many")
    rng = np.random.default_rng(seed)
    blocks = _blocks(rng, real, n_rows)
    with (
        written_whole(target) as temporary,
        temporary.open("wb") as file,
        # without name and time, which would be the only bytes that differ
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
    ):
        for rows in chain([["\t".join(COLUMNS)]], blocks):
            packed.write(("\n".join(rows) + "\n").encode())


def _extract_rows(extract: Path) -> list[str]:
    with gzip.open(extract, "rt", encoding="utf-8", newline="\n") as file:
        header, *rows = file.read().removesuffix("\n").split("\n")
    if header != "\t".join(COLUMNS):
        raise ValueError(f"{extract} begins with '{header[:80]}', not with {', '.join(COLUMNS)}")
    return rows


def _blocks(rng: np.random.Generator, real: Sequence[str], n_rows: int) -> Iterator[list[str]]:
    """The rows, some hundred thousand at once."""
    vocabulary = _vocabulary(rng, real)
    genre_lists = _genre_lists(rng)
    places = (np.arange(len(real)) + 0.5) * n_rows / max(len(real), 1)  # [n_real], increasing
    number = 0
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, n_rows)
        first, last = np.searchsorted(places, (start, stop))
        n_made = stop - start - (last - first)
        numbers = number + np.cumsum(rng.integers(1, _LARGEST_STEP, size=n_made, endpoint=True))
        number = int(numbers.max(initial=number))
        rows = np.array(_made_rows(rng, vocabulary, genre_lists, numbers), dtype=np.object_)
        at = places[first:last].astype(np.int64) - start - np.arange(last - first)
        yield np.insert(rows, at, np.array(real[first:last], dtype=np.object_)).tolist()


@dataclass(frozen=True)
class _Vocabulary:
    """Words, the frequent ones first."""

    words: _Texts  # for all but the last word of a title
    invented: _Texts  # none of them in the extract


def _vocabulary(rng: np.random.Generator, real: Sequence[str]) -> _Vocabulary:
    """Invented words, and beside each, as long as there are some, one of the extract's titles."""
    counts = Counter(word for row in real for title in row.split("\t")[2:4] for word in _WORD.findall(title))
    known = [word for word, _ in counts.most_common()]
    invented = _invented_words(rng, {_unaccented(word) for word in known})
    with_colons = [f"{word}:" if n % _COLON_EVERY == 1 else word for n, word in enumerate(invented)]
    beside = list(chain.from_iterable(zip(known, with_colons, strict=False)))
    words = beside + with_colons[len(beside) // 2 :]
    return _Vocabulary(np.array(words, dtype=np.object_), np.array(invented, dtype=np.object_))


def _invented_words(rng: np.random.Generator, known: set[str]) -> list[str]:
    syllables = np.array([a + b + c for a in _ONSETS for b in _VOWELS for c in _CODAS], dtype=np.object_)
    ends = np.cumsum(rng.integers(2, 3, size=_N_INVENTED, endpoint=True))
    picked = syllables[rng.integers(len(syllables), size=ends[-1])].tolist()
    plain = ["".join(picked[start:end]) for start, end in pairwise([0, *ends.tolist()])]
    alphabets = rng.choice(len(_ALPHABETS), p=[share for share, _ in _ALPHABETS], size=len(plain)).tolist()
    words = {word: alphabet for word, alphabet in zip(plain, alphabets, strict=True) if word not in known}
    return [word.translate(_ALPHABETS[alphabet][1]).capitalize() for word, alphabet in words.items()]


def _unaccented(word: str) -> str:
    """Lower case, without accents, and without all else that is not ASCII."""
    return unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode()


def _genre_lists(rng: np.random.Generator) -> _Texts:
    sizes = rng.choice([0, 1, 2, 3], p=[0.05, 0.45, 0.28, 0.22], size=_N_GENRE_LISTS)
    lists = (sorted(rng.choice(_GENRES, size=size, replace=False)) for size in sizes)
    return np.array([",".join(one) or UNKNOWN for one in lists], dtype=np.object_)


def _made_rows(
    rng: np.random.Generator, vocabulary: _Vocabulary, genre_lists: _Texts, numbers: _Integers
) -> list[str]:
    n = len(numbers)
    shares = np.array([kind.share for kind in KINDS])
    kinds = rng.choice(len(KINDS), p=shares / shares.sum(), size=n)  # [n], rows of KINDS
    years = _years(rng, kinds)
    primary = _primary_titles(rng, vocabulary, kinds)
    columns = (
        [f"tt{number:07d}" for number in numbers.tolist()],
        np.array([kind.name for kind in KINDS], dtype=np.object_)[kinds].tolist(),
        primary.tolist(),
        _original_titles(rng, vocabulary, kinds, primary).tolist(),
        np.where(rng.random(n) < _ADULT, "1", "0").tolist(),
        _known(years),
        _known(_end_years(rng, kinds, years)),
        _known(_minutes(rng, kinds)),
        genre_lists[_skewed(rng, len(genre_lists), n)].tolist(),
    )
    return list(map("\t".join, zip(*columns, strict=True)))


def _skewed(rng: np.random.Generator, n_choices: int, n: int) -> _Integers:
    """`n` of the numbers below `n_choices`, small ones more often: [n]."""
    return (n_choices * rng.random(n) ** 3).astype(np.int64)


def _known(values: _Integers) -> list[str]:
    """Numbers as the file has them; 0 is unknown."""
    texts = np.array([UNKNOWN, *map(str, range(1, int(values.max(initial=0)) + 1))], dtype=np.object_)
    written: list[str] = texts[values].tolist()
    return written


def _of_kinds(kinds: _Integers, values: Iterator[float]) -> npt.NDArray[np.float64]:
    """Each row's value of its kind: [n]."""
    return np.fromiter(values, dtype=np.float64, count=len(KINDS))[kinds]


def _years(rng: np.random.Generator, kinds: _Integers) -> _Integers:
    age = rng.gamma(1.6, _of_kinds(kinds, (kind.age for kind in KINDS))).astype(np.int64)
    years = np.maximum(LAST_YEAR - age, FIRST_YEAR)
    return np.where(rng.random(len(kinds)) < _UNKNOWN_YEARS, 0, years)


def _end_years(rng: np.random.Generator, kinds: _Integers, years: _Integers) -> _Integers:
    has_end = _of_kinds(kinds, (_ENDED * kind.has_end for kind in KINDS)) > rng.random(len(kinds))
    ends = np.minimum(years + rng.geometric(0.3, size=len(kinds)) - 1, LAST_YEAR)
    return np.where(has_end & (years > 0), ends, 0)


def _minutes(rng: np.random.Generator, kinds: _Integers) -> _Integers:
    median = _of_kinds(kinds, (kind.minutes for kind in KINDS))
    minutes = np.rint(median * rng.lognormal(0, 0.3, size=len(kinds))).astype(np.int64)
    unknown = _of_kinds(kinds, (kind.unknown_minutes for kind in KINDS)) > rng.random(len(kinds))
    return np.where(unknown, 0, np.clip(minutes, 1, _LONGEST_MINUTES))


def _primary_titles(rng: np.random.Generator, vocabulary: _Vocabulary, kinds: _Integers) -> _Texts:
    titles = _titles(rng, vocabulary, len(kinds))
    numbered = np.flatnonzero((kinds == _EPISODE) & (rng.random(len(kinds)) < _NUMBERED_EPISODES))
    seasons = rng.geometric(0.3, size=len(numbered)).tolist()
    episodes = rng.geometric(0.02, size=len(numbered)).tolist()
    titles[numbered] = [f"Episode #{one}.{two}" for one, two in zip(seasons, episodes, strict=True)]
    return titles


def _original_titles(
    rng: np.random.Generator, vocabulary: _Vocabulary, kinds: _Integers, primary: _Texts
) -> _Texts:
    shares = _of_kinds(kinds, (kind.other_original for kind in KINDS))
    others = np.flatnonzero(shares > rng.random(len(kinds)))
    originals = primary.copy()
    originals[others] = _titles(rng, vocabulary, len(others))
    return originals


def _titles(rng: np.random.Generator, vocabulary: _Vocabulary, n: int) -> _Texts:
    """Words that need not go together, the last one invented: [n]."""
    n_words = rng.choice(len(_SHARE_BY_N_WORDS), p=_SHARE_BY_N_WORDS, size=n) + 1
    ends = np.cumsum(n_words)
    words = vocabulary.words[_skewed(rng, len(vocabulary.words), int(n_words.sum()))]
    words[ends - 1] = vocabulary.invented[_skewed(rng, len(vocabulary.invented), n)]
    texts = words.tolist()
    titles = np.empty(n, dtype=np.object_)
    titles[:] = [" ".join(texts[start:end]) for start, end in pairwise([0, *ends.tolist()])]
    return titles
