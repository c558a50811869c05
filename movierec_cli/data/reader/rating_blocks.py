"""The ratings member, in blocks of whole lines: fast where all is well, exact where something is wrong.

A block is parsed at once by polars. Where that fails, or a value does not fit, the same block is read line by
line to name the line. Memory is the columns plus one block, whatever the size.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data import limits
from movierec_cli.data.dataset import UNKNOWN_ROW, Columns, IdIndex, Movies, Ratings, Users
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive, Stream
from movierec_cli.data.reader.text_rows import TextRow, column_order, decode_utf8
from movierec_cli.errors import DataError

USER_ID, MOVIE_ID, RATING, TIMESTAMP = "userId", "movieId", "rating", "timestamp"
RATING_COLUMNS = (USER_ID, MOVIE_ID, RATING, TIMESTAMP)
HIGHEST_RATING = 5.0
LAST_TIMESTAMP = 253_402_300_799  # 9999-12-31; a file with more most likely counts milliseconds

_BLOCK_BYTES = 1 << 25
_Column = npt.NDArray[Any]
_Columns = tuple[_Column, _Column, _Column, _Column]  # user, movie, rating, timestamp, each [n_lines]
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class RatingFormat:
    """How one layout writes its ratings."""

    member: str
    separator: str
    has_header: bool  # without one the columns are `RATING_COLUMNS`
    rating_step: float  # stars; also the lowest rating

    @property
    def first_line(self) -> int:
        """Where the ratings begin, from 1."""
        return 2 if self.has_header else 1


@dataclass(frozen=True)
class Block:
    """Whole lines, without the last one's end."""

    first_line: int  # from 1
    data: bytes

    @property
    def n_lines(self) -> int:
        """Lines in the block, 1 or more."""
        return self.data.count(b"\n") + 1


def blocks(stream: Stream, first_line: int, report: Callable[[int], None]) -> Iterator[Block]:
    """Cuts a stream at line ends; blank lines at its end are left out, those before are not.

    `report` is called with the bytes read so far. Raises a `DataError` for a line that is too long.
    """
    rest, done = b"", 0
    while chunk := stream.read(_BLOCK_BYTES):
        rest += chunk
        done += len(chunk)
        data = rest[: rest.rfind(b"\n") + 1].rstrip(b"\r\n")
        if data:
            block = Block(first_line, data)
            yield block
            first_line += block.n_lines
            rest = rest[len(data) :].removeprefix(b"\r").removeprefix(b"\n")
        limits.LINE_BYTES.check(len(rest), file=stream.place, line=first_line)  # it is copied at every block
        report(done)
    if data := rest.rstrip(b"\r\n"):
        yield Block(first_line, data)


def read_columns(
    archive: Archive, rating_format: RatingFormat, movies: Movies, users: Users | None, progress: Progress
) -> Columns:
    """Reads all ratings of these movies. Without `users`, those who rate are the users, by ascending id.

    Raises:
        DataError: with the line: a wrong field count, text where a number should be, a rating off the
            scale, an unknown movie or user, a second rating of a movie by a user; or no ratings at all.
    """
    member = rating_format.member
    total = archive.size(member)
    known_users = None if users is None else IdIndex(users.user_id)
    with archive.open(member) as stream:
        header = _header(stream, archive.place(member)) if rating_format.has_header else RATING_COLUMNS
        reader = _Reader(archive, rating_format, header, IdIndex(movies.movie_id), known_users)
        report = lambda done: progress(f"reading {member}", min(done, total), total)  # noqa: E731
        parts = [reader.part(block) for block in blocks(stream, rating_format.first_line, report)]
    if not parts:
        raise DataError("has no ratings", file=archive.place(member))
    columns = _join(parts, movies, users)
    _refuse_duplicates(reader, columns)
    return columns


def _header(stream: Stream, place: str) -> tuple[str, ...]:
    line = decode_utf8(stream.readline(), place).strip()
    if not line:
        raise DataError("is empty", file=place)
    try:
        header = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise DataError(f"is no well-formed CSV ({error})", file=place, line=1) from error
    column_order(header, RATING_COLUMNS, place)
    return tuple(word.strip() for word in header)


@dataclass(frozen=True)
class _Reader:
    """What stays the same from block to block."""

    archive: Archive
    format: RatingFormat
    header: tuple[str, ...]
    movies: IdIndex
    users: IdIndex | None  # None: the ratings themselves say who the users are

    @property
    def place(self) -> str:
        """The ratings' file, for messages."""
        return self.archive.place(self.format.member)

    def part(self, block: Block) -> _Columns:
        """The block's columns: rows of movies and of users, or users' ids where nothing else tells of them.

        Raises the `DataError` of the block's first wrong line.
        """
        parsed = self._parsed(block)
        part = None if parsed is None else self._part(*parsed)
        if part is None:
            raise self._error(block)
        return part

    def _parsed(self, block: Block) -> _Columns | None:
        """With the ids as they are; None where a line cannot be read so."""
        import polars

        header, data = self.header, block.data
        if self.format.separator == "," and b'"' in data:
            header, data = RATING_COLUMNS, _unquoted(data, header)
        if self.format.separator != self._separator and self._separator.encode() in data:
            return None
        try:
            frame = polars.read_csv(
                data.replace(self.format.separator.encode(), self._separator.encode()),
                has_header=False,
                separator=self._separator,
                quote_char=None,
                schema=_schema(header),
                columns=[header.index(name) for name in RATING_COLUMNS],
            )
        except polars.exceptions.PolarsError:
            return None
        if frame.height != block.n_lines or any(frame.null_count().row(0)):
            return None
        user_id, movie_id, rating, timestamp = (frame[name].to_numpy() for name in RATING_COLUMNS)
        return user_id, movie_id, rating, timestamp

    @property
    def _separator(self) -> str:
        # polars takes one byte, so "::" becomes a tab first
        return "\t" if len(self.format.separator) > 1 else self.format.separator

    def _part(
        self, user_id: _Column, movie_id: _Column, rating: _Column, timestamp: _Column
    ) -> _Columns | None:
        movie_index = self.movies.rows(movie_id)
        if self.users is not None:
            user = self.users.rows(user_id)
        else:
            user = user_id.astype(np.int32) if user_id.max() < 2**31 and user_id.min() >= 0 else user_id
        steps = rating / np.float32(self.format.rating_step)
        fits = (
            movie_index.min() > UNKNOWN_ROW
            and user.min() > UNKNOWN_ROW
            and np.all((steps >= 1) & (rating <= HIGHEST_RATING) & (steps == np.rint(steps)))
            and timestamp.min() >= 0
            and timestamp.max() <= LAST_TIMESTAMP
        )
        return (user, movie_index, rating, timestamp) if fits else None

    def _error(self, block: Block) -> DataError:
        """The error of the first wrong line; of the whole block where each line alone is right."""
        self.archive.verify(self.format.member)  # a damaged member is damaged, not wrong in some line
        for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
            try:
                self._check(TextRow(self.place, number, self._fields(line)))
            except DataError as error:
                return error
        last = block.first_line + block.n_lines - 1
        return DataError(f"lines {block.first_line} to {last} cannot be read as ratings", file=self.place)

    def _fields(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", errors="replace").removesuffix("\r")
        if self.format.separator == ",":
            try:
                return next(csv.reader([text], strict=True), [])
            except csv.Error:
                return [text]
        return text.split(self.format.separator)

    def _check(self, row: TextRow) -> None:
        row.require_fields(self.header)
        user, movie, rating, timestamp = (self.header.index(name) for name in RATING_COLUMNS)
        user_id = row.whole_number(user, "user id")
        movie_id = row.whole_number(movie, "movie id")
        self._check_rating(row, row.fields[rating])
        if row.whole_number(timestamp, "timestamp") > LAST_TIMESTAMP:
            raise row.error(
                f"the timestamp is {row.fields[timestamp]}; it must be in seconds since 1970-01-01"
            )
        if movie_id not in self.movies:
            raise row.error(f"movie {movie_id} is rated but is not among the movies")
        if self.users is not None and user_id not in self.users:
            raise row.error(f"user {user_id} rates but is not among the users")

    def _check_rating(self, row: TextRow, text: str) -> None:
        if not _NUMBER.fullmatch(text):
            raise row.error(f"the rating is '{text[:80]}'; it must be a number")
        step, stars = self.format.rating_step, float(text)
        if not step <= stars <= HIGHEST_RATING or stars % step:
            scale = f"from {step:g} to {HIGHEST_RATING:g} in steps of {step:g}"
            raise row.error(f"the rating is {text[:80]}; it must be {scale}")


def _schema(header: Sequence[str]) -> dict[str, Any]:
    import polars

    types = {name: polars.Int64() for name in (USER_ID, MOVIE_ID, TIMESTAMP)} | {RATING: polars.Float32()}
    # a column of the user's own may come twice or have no name: only its place matters
    names = [name if name in types else f"column {place}" for place, name in enumerate(header)]
    return {name: types.get(name, polars.String()) for name in names}


def _unquoted(data: bytes, header: Sequence[str]) -> bytes:
    """The four columns without quotes; empty where a line does not allow it. Slow, and rarely needed."""
    # polars panics on some malformed quotes, and cannot tell a line end within quotes from one without
    order = [header.index(name) for name in RATING_COLUMNS]
    try:
        records = [next(csv.reader([line], strict=True), []) for line in data.decode().split("\n")]
    except (csv.Error, UnicodeDecodeError):
        return b""
    if any(len(fields) != len(header) or any("," in fields[index] for index in order) for fields in records):
        return b""
    return "\n".join(",".join(fields[index] for index in order) for fields in records).encode()


def _join(parts: list[_Columns], movies: Movies, users: Users | None) -> Columns:
    user, *others = (list(column) for column in zip(*parts, strict=True))
    parts.clear()  # from here on one column at a time is in memory twice, never all of them
    if users is None:
        users = Users(np.unique(np.concatenate([np.unique(ids) for ids in user])).astype(np.int64))
        index = IdIndex(users.user_id)
        user = [index.rows(ids) for ids in user]
    user_index, movie_index, rating, timestamp = map(_joined, [user, *others])
    return Columns(Ratings(user_index, movie_index, rating, timestamp), movies, users)


def _joined(columns: list[_Column]) -> _Column:
    joined = np.concatenate(columns)
    columns.clear()
    return joined


def _pairs(columns: Columns) -> npt.NDArray[np.int64]:
    ratings = columns.ratings
    return ratings.user_index.astype(np.int64) * len(columns.movies) + ratings.movie_index


def _refuse_duplicates(reader: _Reader, columns: Columns) -> None:
    in_order = _pairs(columns)
    in_order.sort()
    is_repeated = in_order[1:] == in_order[:-1]
    if not is_repeated.any():
        return
    pairs, repeated = _pairs(columns), in_order[1:][is_repeated]
    again = np.flatnonzero(np.isin(pairs, repeated))  # rows, in the file's order
    _, first_of_each = np.unique(pairs[again], return_index=True)
    second = int(np.delete(again, first_of_each)[0])
    first = int(np.flatnonzero(pairs == pairs[second])[0])
    user_id = columns.users.user_id[columns.ratings.user_index[second]]
    movie_id = columns.movies.movie_id[columns.ratings.movie_index[second]]
    raise DataError(
        f"user {user_id} rates movie {movie_id} a second time; the first is in line"
        f" {first + reader.format.first_line}",
        file=reader.place,
        line=second + reader.format.first_line,
    )
