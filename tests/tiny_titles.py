"""Lists in the layout of IMDb's, small enough to check by eye: any rows, or the films of `tiny_dataset`."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from movierec_cli.data.dataset import Movies
from movierec_cli.data.reader.text_rows import year_of

HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
)

# (tconst, title type, title, year, minutes): one Alien, two Brazils of different lengths, no Clue, and
# a Dune without a length
FILMS = (
    ("tt0078748", "movie", "Alien", "1979", "117"),
    ("tt0088846", "movie", "Brazil", "1985", "132"),
    ("tt0088847", "movie", "Brazil", "1985", "94"),
    ("tt0087182", "movie", "Dune 1", "1984", r"\N"),
    ("tt0000001", "short", "Carmencita", "1894", "1"),
)


def movies_of(*titles: str, numbers: tuple[int, ...] | None = None) -> Movies:
    """Movies with ids from 0, of one genre, with IMDb's numbers where they are given."""
    return Movies(
        movie_id=np.arange(len(titles)),
        title=np.array(titles, dtype=object),
        year=np.array([year_of(title) for title in titles], dtype=np.int16),
        genres=np.zeros((len(titles), 1), dtype=bool),
        genre_names=("Drama",),
        imdb_number=None if numbers is None else np.array(numbers, dtype=np.int64),
    )


def title_line(
    number: int,
    title: str,
    year: int | str,
    minutes: int | str,
    *,
    kind: str = "movie",
    original: str | None = None,
    adult: int = 0,
) -> str:
    """One row, ending in a line break."""
    fields = (f"tt{number:07d}", kind, title, original or title, adult, year, r"\N", minutes, "Drama")
    return "\t".join(str(field) for field in fields) + "\n"


def write_list(file: Path, lines: Iterable[str]) -> Path:
    """Writes the rows under their header, packed where the name ends in .gz."""
    content = (HEADER + "".join(lines)).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def write_titles(file: Path, entries: tuple[tuple[str, ...], ...] = FILMS) -> Path:
    """Writes the films."""
    rows = [
        title_line(int(tconst[2:]), title, year, minutes, kind=kind)
        for tconst, kind, title, year, minutes in entries
    ]
    return write_list(file, rows)
