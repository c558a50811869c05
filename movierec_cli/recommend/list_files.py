"""Which users from a file, and recommendations into one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.data.reader.text_rows import decode_utf8
from movierec_cli.errors import DataError
from movierec_cli.evaluation.outcome import NO_MOVIE
from movierec_cli.files import write_csv
from movierec_cli.registry.store import Run

if TYPE_CHECKING:
    from movierec_cli.recommend.many_users import UserLists
    from movierec_cli.recommend.recommend import Recommendations

LIST_COLUMNS = ("user", "place", "movie_id", "title", "score", "stars")

_HEADER = "user"
_LONGEST_ID = 18  # digits


def read_users(file: Path, run: Run) -> list[int]:
    """Reads ids of a run's users, one a line, in the file's order; a header "user" is left out.

    Raises:
        DataError: the file cannot be read or is empty, or, with the line, an id is unknown or comes twice.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=file) from error
    known = set(run.artifacts.user_ids.tolist())
    lines: dict[int, int] = {}  # by id
    for number, line in enumerate(decode_utf8(content, str(file)).splitlines(), start=1):
        text = line.strip().strip('"')
        if not text or (number == 1 and text.lower().removesuffix("_id") == _HEADER):
            continue
        user_id = int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None
        if user_id is None or user_id not in known:
            raise DataError(
                f"there is no user '{text[:40]}' that {run.record.name} knows", file=file, line=number
            )
        if user_id in lines:
            raise DataError(
                f"user {user_id} comes again, after line {lines[user_id]}", file=file, line=number
            )
        lines[user_id] = number
    if not lines:
        raise DataError("names no user; write an id a line", file=file)
    return list(lines)


def write_lists(rows: Iterable[Sequence[object]], file: Path) -> None:
    """Writes rows of `LIST_COLUMNS` as CSV; whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    write_csv(LIST_COLUMNS, rows, file)


def rows_of_lists(run: Run, lists: UserLists) -> Iterable[tuple[object, ...]]:
    """The lists of many users, as rows of `LIST_COLUMNS`."""
    ids, titles = run.catalogue.movie_id.tolist(), run.catalogue.title.tolist()
    for user_id, rows, scores in zip(
        lists.user_ids.tolist(), lists.rows.tolist(), lists.scores.tolist(), strict=True
    ):
        for place, (row, score) in enumerate(zip(rows, scores, strict=True), start=1):
            if row != NO_MOVIE:
                yield user_id, place, ids[row], titles[row], f"{score:.6g}", ""


def rows_of(recommended: Recommendations) -> Iterable[tuple[object, ...]]:
    """One person's list, as rows of `LIST_COLUMNS`."""
    user = "" if recommended.user_id is None else recommended.user_id
    for place, movie in enumerate(recommended.movies, start=1):
        stars = "" if movie.stars is None else f"{movie.stars:.4f}"
        yield user, place, movie.movie_id, movie.title, f"{movie.score:.6g}", stars
