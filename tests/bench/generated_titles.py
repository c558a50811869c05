"""A made-up list of titles in the layout, and at the scale, of IMDb's title.basics.tsv.gz.

The shares of kinds, of unknown years and of unknown running times are about those of the real list, so are
the lengths of titles. A made-up title is an episode's number or ends with a word that no title of the extract
has, and so does what stands before its colon: who looks for movies finds the same as in the extract alone.
"""

import gzip
import io
import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from movierec_cli.files.atomic import written_whole

COLUMNS = (
    *("tconst", "titleType", "primaryTitle", "originalTitle", "isAdult"),
    *("startYear", "endYear", "runtimeMinutes", "genres"),
)
UNKNOWN = r"\N"
FIRST_YEAR, LAST_YEAR = 1890, 2027


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
_UNKNOWN_YEARS, _NUMBERED_EPISODES, _OTHER_ORIGINALS = 0.12, 0.3, 0.03
_ACCENTED, _BEFORE_COLON = 0.12, 0.1  # of invented words
_SHARE_BY_N_WORDS = (0.16, 0.27, 0.21, 0.14, 0.09, 0.06, 0.03, 0.02, 0.01, 0.01)
_GENRES = ("Drama", "Comedy", "Documentary", "Comedy,Drama", "Action,Adventure,Animation", UNKNOWN)
_ONSETS = "b br c ch d dr f g gr h j k kl l m n p r s sh st t tr v w z".split()  # noqa: SIM905
_ACCENTS = str.maketrans("aeioun", "äéíøüñ")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_N_DIFFERENT = 200_000  # rows; then they come again, under other tconsts


def write_titles(target: Path, extract: Path, n_rows: int, seed: int = 0) -> None:
    """Writes a gzipped list of `n_rows` titles, the header apart; the same bytes for the same arguments.

    Args:
        target: complete or absent.
        extract: a small list in the same layout, gzipped; its rows are among the `n_rows`, as they are, at
            even distances. Its tconsts should be above n_rows, which the made-up ones do not reach.
        n_rows: at least the extract's.
        seed: of everything that is drawn.

    Raises:
        ValueError: `n_rows` is less than the extract has.
    """
    real = gzip.decompress(extract.read_bytes()).decode().removesuffix("\n").split("\n")[1:]
    if n_rows < len(real):
        raise ValueError(f"n_rows is {n_rows:,}, but {extract} has {len(real):,} rows; ask for that many")
    at = {int((place + 0.5) * n_rows / len(real)): row for place, row in enumerate(real)}
    made = list(_made_rows(random.Random(seed), real, min(n_rows - len(real), _N_DIFFERENT)))
    with (
        written_whole(target) as temporary,
        temporary.open("wb") as file,
        # without name and time, which would be the only bytes that differ
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8", newline="\n") as lines,
    ):
        lines.write("\t".join(COLUMNS) + "\n")
        for number in range(n_rows):
            row = at[number] if number in at else f"tt{number:07d}\t{made[number % len(made)]}"
            lines.write(f"{row}\n")


def _made_rows(rng: random.Random, real: Sequence[str], n: int) -> Iterator[str]:
    """Rows without their tconst."""
    known = [word for row in real for title in row.split("\t")[2:4] for word in _WORD.findall(title)]
    invented = _invented_words(rng, {_plain(word) for word in known})

    def word() -> str:
        if rng.random() < 0.5:
            return rng.choice(known)
        return rng.choice(invented) + (":" if rng.random() < _BEFORE_COLON else "")

    def title() -> str:
        n_words = rng.choices(range(1, 11), _SHARE_BY_N_WORDS)[0]
        return " ".join([*(word() for _ in range(n_words - 1)), rng.choice(invented)])

    for kind in rng.choices(KINDS, [kind.share for kind in KINDS], k=n):
        primary = title()
        if kind.name == "tvEpisode" and rng.random() < _NUMBERED_EPISODES:
            primary = f"Episode #{rng.randint(1, 9)}.{rng.randint(1, 120)}"
        original = title() if rng.random() < _OTHER_ORIGINALS else primary
        year = max(LAST_YEAR - int(rng.gammavariate(1.6, 10)), FIRST_YEAR)
        minutes = max(1, min(round(kind.minutes * rng.lognormvariate(0, 0.3)), 999))
        columns = (
            *(kind.name, primary, original, "0"),
            UNKNOWN if rng.random() < _UNKNOWN_YEARS else str(year),
            UNKNOWN,
            UNKNOWN if rng.random() < kind.unknown_minutes else str(minutes),
            rng.choice(_GENRES),
        )
        yield "\t".join(columns)


def _invented_words(rng: random.Random, known: set[str]) -> list[str]:
    syllables = [a + b + c for a in _ONSETS for b in "aeiou" for c in ("", "", "", "n", "r", "l", "s")]
    words = {"".join(rng.choices(syllables, k=rng.randint(2, 3))): None for _ in range(_N_DIFFERENT)}
    return [
        (word.translate(_ACCENTS) if rng.random() < _ACCENTED else word).capitalize()
        for word in words
        if word not in known
    ]


def _plain(word: str) -> str:
    """Lower case, without accents, and without all else that is not ASCII."""
    return unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode()
