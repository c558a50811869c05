"""IMDb's list of titles with the films of `tiny_dataset`, small enough to check by eye."""

import gzip
from pathlib import Path

HEADER = (
    *("tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear"),
    *("runtimeMinutes", "genres"),
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


def write_titles(file: Path, entries: tuple[tuple[str, ...], ...] = FILMS) -> Path:
    """Writes them in IMDb's layout, packed."""
    rows = [
        (tconst, kind, title, title, "0", year, r"\N", minutes, "Drama")
        for tconst, kind, title, year, minutes in entries
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ("\t".join(row) for row in (HEADER, *rows))
    file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return file
