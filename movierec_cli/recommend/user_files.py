"""Files of requests: which users, or pairs of users and movies."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.data.reader.text_rows import csv_text_rows, decode_utf8
from movierec_cli.errors import DataError, MovierecError
from movierec_cli.files import read_content
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.users import user_rows
from movierec_cli.registry.store import Run

_HEADER = "user"
_PAIR_COLUMNS = ("user", "movie")
_LONGEST_ID = 18  # digits


@dataclass(frozen=True)
class UserSelection:
    """Users of a data set: some ids, those in a file, or all."""

    ids: tuple[int, ...] | None = None  # each once; None: all, or those in the file
    file: Path | None = None

    def among(self, known: Sequence[int], where: str) -> tuple[int, ...]:
        """The ids; those in the file must be known.

        Args:
            known: ids of all users.
            where: the data or the model that knows them, for messages: "in '100k'".

        Raises:
            DataError: as `read_users`.
        """
        if self.file is not None:
            return read_users(self.file, known, where)
        return tuple(known) if self.ids is None else self.ids


NO_USERS = UserSelection(())


def read_users(file: Path, known: Sequence[int], where: str) -> tuple[int, ...]:
    """Reads ids of known users, one per line, in the file's order; a header "user" is left out.

    Raises:
        DataError: the file cannot be read or is empty, or, with the line, an id is unknown or comes twice.
    """
    ids = set(known)
    lines: dict[int, int] = {}  # by id
    for number, line in enumerate(decode_utf8(read_content(file), str(file)).splitlines(), start=1):
        text = line.strip().strip('"')
        if not text or (number == 1 and text.lower().removesuffix("_id") == _HEADER):
            continue
        user_id = int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None
        if user_id is None or user_id not in ids:
            raise DataError(f"there is no user '{text[:40]}' {where}", file=file, line=number)
        if user_id in lines:
            raise DataError(
                f"user {user_id} comes again, after line {lines[user_id]}", file=file, line=number
            )
        lines[user_id] = number
    if not lines:
        raise DataError("names no user; write one id per line", file=file)
    return tuple(lines)


def read_pairs(file: Path, run: Run) -> tuple[tuple[int, int], ...]:
    """Reads ids of users and rows of the run's movies, in the file's order.

    A movie is an id or a title, see `MovieSearch.id_or_title`.

    Args:
        file: CSV in UTF-8 whose header has the columns user and movie; others are left out.
        run: the model that is to predict.

    Raises:
        DataError: the file cannot be read, has no rows, or, with the line, a user or a movie is unknown.
    """
    search = MovieSearch(run.catalogue)
    known: Container[int] = set[int](run.artifacts.user_ids.tolist())
    movies: dict[str, int] = {}  # by text, as files name the same movies again and again
    pairs = []
    for row in csv_text_rows(read_content(file), str(file), _PAIR_COLUMNS):
        user_id, text = row.whole_number(0, "user"), row.fields[1].strip()
        try:
            if user_id not in known:
                user_rows(run, [user_id])
            if text not in movies:
                movies[text] = search.id_or_title(text)
        except MovierecError as error:
            raise row.error(str(error)) from error
        pairs.append((user_id, movies[text]))
    return tuple(pairs)
