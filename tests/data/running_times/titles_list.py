"""A list of titles in the layout of IMDb's, from a few rows."""

import gzip
from collections.abc import Iterable
from pathlib import Path

HEADER = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
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
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file
