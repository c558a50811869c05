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
    """Users of a data set, by id, each once."""

    ids: tuple[int, ...] | None  # None: all users
    file: Path | None = None  # that names them
    lines: tuple[int, ...] = ()  # of the ids in the file

    def among(self, known: Sequence[int], where: str) -> tuple[int, ...]:
        """The ids, or all known ids.

        Args:
            known: ids of all users.
            where: the data or the model that knows them, for messages: "in '100k'".

        Raises:
            DataError: with its line, an id in the file is unknown. Other unknown ids are not checked here.
        """
        if self.ids is None:
            return tuple(known)
        ids = set(known)
        for user_id, line in zip(self.ids, self.lines, strict=False):
            if user_id not in ids:
                raise _no_user(str(user_id), self.file, line, where)
        return self.ids


NO_USERS = UserSelection(())


def read_users(file: Path) -> UserSelection:
    """Reads ids of users, one per line, in the file's order; a header "user" is left out.

    Raises:
        DataError: the file cannot be read or is empty, or, with the line, a line is no id or an id comes
            twice.
    """
    lines: dict[int, int] = {}  # by id
    for number, line in enumerate(decode_utf8(read_content(file), str(file)).splitlines(), start=1):
        text = line.strip().strip('"')
        if not text or (number == 1 and text.lower().removesuffix("_id") == _HEADER):
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
            raise _no_user(text, file, number)
        user_id = int(text)
        if user_id in lines:
            raise DataError(
                f"user {user_id} comes again, after line {lines[user_id]}", file=file, line=number
            )
        lines[user_id] = number
    if not lines:
        raise DataError("names no user; write one id per line", file=file)
    return UserSelection(tuple(lines), file, tuple(lines.values()))


def _no_user(text: str, file: Path | None, line: int, where: str = "") -> DataError:
    return DataError(f"there is no user '{text[:40]}' {where}".rstrip(), file=file, line=line)


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
