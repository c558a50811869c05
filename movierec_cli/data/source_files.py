"""A layout, the files that an archive of it has, and how they are read."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path, PurePath

import numpy as np

from movierec_cli.config.entry_points import Origin
from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import Columns, Movies, RatingScale, Users, are_texts
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive
from movierec_cli.data.reader.assemble import assemble
from movierec_cli.data.reader.column_kinds import with_kinds
from movierec_cli.data.reader.column_values import SURELY_SECONDS, TimeUnit
from movierec_cli.data.reader.formats import UTF_8, TableFormat, sniff
from movierec_cli.data.reader.item_tables import Told, movies_of, users_of, with_link_numbers
from movierec_cli.data.reader.rating_blocks import OWN, RatingFile
from movierec_cli.data.reader.rating_rows import RatingRows, Rules, read_ratings
from movierec_cli.data.reader.roles import (
    ID,
    ITEM,
    OF_ITEMS,
    RATING,
    TABLES,
    TIMESTAMP,
    TITLE,
    USER,
    WEIGHT,
    Asked,
    normalised,
    parse_columns,
    places,
    says_movie,
)
from movierec_cli.data.reader.small_tables import BadRows, Table, table_of
from movierec_cli.data.sources import LayoutKind
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass
from movierec_cli.text import counted

_SHOWN = 6  # files in a line
_WIDE = 20  # columns, of which hardly each is of all ratings
_ORDER = TABLES["ratings"]
RATINGS, ITEMS, USERS, LINKS = "ratings", "items", "users", "links"


@dataclass(frozen=True)
class FileSpec:
    """A file of a layout."""

    table: str
    name: str  # an expression for its name in small letters, without folders and ".gz"
    columns: str = ""  # names of its columns, where it has no header
    separator: str = ""  # "": found from the file
    begins: str = ""  # an expression for its first line, where other layouts have files of this name
    is_needed: bool = True
    encoding: str = ""
    is_announced: bool = False  # see `AnnouncedItems`
    has_rest: bool = False  # see `TableFormat`

    def matches(self, archive: Archive, member: str) -> bool:
        """Whether it is this file."""
        name = PurePath(member).name.lower().removesuffix(".gz")
        if re.fullmatch(self.name, name) is None:
            return False
        if not self.begins:
            return True
        with archive.open(member) as stream:
            line = stream.readline().decode(UTF_8, "replace").removeprefix("\ufeff")
        return re.match(self.begins, line.strip()) is not None

    def format(self, archive: Archive, member: str) -> TableFormat:
        """How it is written."""
        if not self.columns:
            return sniff(archive, member)
        found = TableFormat(tuple(self.columns.split()), self.separator, self.encoding or UTF_8, False)
        return replace(found, quoted=self.separator == "," and not self.has_rest, has_rest=self.has_rest)


@dataclass(frozen=True)
class Layout:
    """What makes an archive of this layout, and how it is read.

    Of a package's it has `example`, a small archive: what its files hold, by their names.
    """

    kind: str  # a `LayoutKind`, or the name of a package's entry
    files: tuple[FileSpec, ...] = ()
    noun: str = "movie"
    rules: Rules = field(default_factory=Rules)
    asked: str = ""  # as `--columns`, for columns whose names do not say it
    genre_separator: str = ""
    movies: Callable[[Files, Told], Movies] | None = None  # where they are not one table of usual columns
    users: Callable[[Archive], Users] | None = None
    has_bad_rows: bool = False  # as published, among the items and users: left out and counted
    note: str = ""  # what everybody should know of such data
    example: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = None  # the package that brings it

    @property
    def brought(self) -> str:
        """What tells a package's layout from another one; "" of those that are built in."""
        if self.origin is None:
            return ""
        return f"{self.origin}: {replace(self, movies=None, users=None, example={}, origin=None)}"


@dataclass(frozen=True)
class TableFile:
    """A file of an archive, and how it is written."""

    table: str
    archive: Archive
    member: str
    format: TableFormat
    part: int | None = None  # of a split that came with the data
    is_announced: bool = False  # see `AnnouncedItems`

    @property
    def shown(self) -> str:
        """For people."""
        return f"{PurePath(self.member).name} ({self.format.label})"


@dataclass(frozen=True)
class Files:
    """The files of an archive that are read, by a layout."""

    archive: Archive
    layout: Layout
    tables: tuple[TableFile, ...]
    reading: Reading = field(default_factory=Reading)
    others: tuple[str, ...] = ()  # tables that are left out, for people
    problems: tuple[str, ...] = ()  # layouts of packages that could not be tried, for people

    @property
    def members(self) -> tuple[str, ...]:
        """The members of the archive that are read."""
        return tuple(one.member for one in self.tables if one.archive is self.archive)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What `--columns` and the layout say of the columns; what people ask for comes first."""
        weights = (Asked("ratings", WEIGHT, self.reading.weights),) if self.reading.weights else ()
        of_layout = parse_columns(tuple(self.layout.asked.split()))
        asked = (*parse_columns(self.reading.columns), *weights, *of_layout)
        return (*asked, *shared_ids(self.of(RATINGS)[0].format, asked))

    def of(self, table: str) -> tuple[TableFile, ...]:
        """The files of one table."""
        return tuple(one for one in self.tables if one.table == table)

    def table(self, one: TableFile, bad: BadRows | None = None) -> Table:
        """Opens a file."""
        return table_of(one.archive, one.member, bad, one.format)

    # --- reading --------------------------------------------------------------------------------------

    def parse(self, progress: Progress) -> Columns:
        """Reads all of it. Raises a `DataError` with file and line."""
        told = Told()
        bad = BadRows(self.reading.skip_bad_rows, "; --skip_bad_rows leaves such rows out")
        noun = self.noun
        of_tables = BadRows(skip=True) if self.layout.has_bad_rows else bad
        movies = self._movies(noun, told, of_tables)
        users = self._users(told, of_tables)
        files = [self._rating_file(one) for one in self.of(RATINGS)]
        rows = read_ratings(files, self._rules, bad, progress)
        told.warnings += [
            *rows.warnings,
            *bad.warnings,
            *(of_tables.warnings if of_tables is not bad else ()),
        ]
        told.warnings += _in_future(rows)
        columns = assemble(rows, movies, users, self.reading, self._rules, noun, told)
        columns = with_kinds(columns, self.reading.feature_kinds)
        told.of_roles |= {TIMESTAMP: f"{rows.unit}, UTC"} if rows.unit else {}
        for role, ids in ((USER, rows.user_ids), (ITEM, rows.item_ids)):
            told.of_roles |= {role: "texts"} if are_texts(ids) else {}
        return replace(columns, notes=(*self._notes(files, told.of_roles, rows), *columns.notes))

    @property
    def noun(self) -> str:
        """What the items are called."""
        if self.layout.kind is not LayoutKind.TABLES:
            return self.layout.noun
        names = [name for one in self.tables for name in one.format.header]
        file_names = [PurePath(one.member).stem for one in self.tables]
        return "movie" if says_movie([*names, *file_names]) else "item"

    @property
    def _rules(self) -> Rules:
        if self.reading.rating_scale is None:
            return self.layout.rules
        return replace(self.layout.rules, scale=RatingScale(*self.reading.rating_scale), step=0.0)

    def columns_of(self, one: TableFile) -> dict[str, str]:
        """The names of a file's columns that are read, by what they mean."""
        table = "items" if one.table == LINKS else one.table
        own = (
            rating_places(one.format, self.asked)
            if one.table == RATINGS
            else places(table, one.format.header, self.asked)
        )
        return {role: one.format.header[place] for role, place in own.items()}

    def _rating_file(self, one: TableFile) -> RatingFile:
        found = rating_places(one.format, self.asked)
        missing = [role for role in (USER, ITEM) if role not in found]
        if missing:
            raise no_ratings(one.archive.place(one.member), [one.format], missing)
        has_items = self.of(ITEMS) or self.layout.movies or not self.layout.rules.own_items
        kept = {role: place for role, place in found.items() if role not in OF_ITEMS or not has_items}
        names = enumerate(one.format.header) if one.format.has_header else ()
        others = {f"{OWN}{name}": place for place, name in names if place not in found.values() and name}
        kept |= others
        return RatingFile(one.archive, one.member, one.format, kept, one.part, one.is_announced)

    def _movies(self, noun: str, told: Told, bad: BadRows) -> Movies | None:
        if self.layout.movies is not None:
            return self.layout.movies(self, told)
        if not (files := self.of(ITEMS)):
            return None
        table = self.table(files[0], bad)
        separator = self.layout.genre_separator
        movies = movies_of(table, places("items", table.header, self.asked), noun, told, separator)
        for one in self.of(LINKS)[:1]:
            links = self.table(one, bad)
            movies = with_link_numbers(movies, links, places("items", links.header))
        return movies

    def _users(self, told: Told, bad: BadRows) -> Users | None:
        if self.layout.users is not None:
            return self.layout.users(self.archive)
        if not (files := self.of(USERS)):
            return None
        table = self.table(files[0], bad)
        return users_of(table, places("users", table.header, self.asked), told)

    def _notes(
        self, files: Sequence[RatingFile], of_roles: Mapping[str, str], rows: RatingRows
    ) -> tuple[str, ...]:
        """How the files were understood, in one line; nothing of what is read to the letter."""
        if self.layout.rules.whole_ids:
            return ()
        absent = {role for role, one in ((RATING, rows.rating), (TIMESTAMP, rows.seconds)) if one is None}
        columns = [
            f"{role} = {files[0].format.header[place]}{f' ({of_roles[role]})' if role in of_roles else ''}"
            for role, place in sorted(_known(files[0]).items(), key=lambda one: _ORDER.index(one[0]))
            if role not in absent
        ]
        kind = "" if self.layout.kind is LayoutKind.TABLES else f"{self.layout.kind}: "
        shown = [one.shown for one in self.tables]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        others = [f"{len(self.others) - _SHOWN} more"] if len(self.others) > _SHOWN else []
        left_out = f"; left out: {', '.join([*self.others[:_SHOWN], *others])}" if self.others else ""
        implicit = (
            ""
            if RATING not in absent or WEIGHT in files[0].places
            else f"; no ratings{_other_columns(files[0])}, so each row is a positive"
        )
        files_read = f"{kind}read {', '.join(shown[:_SHOWN])}{more}"
        line = f"{files_read}: {', '.join(columns)}{_days(rows)}{implicit}{left_out}"
        return (line, self.layout.note) if self.layout.note else (line,)


def _known(file: RatingFile) -> dict[str, int]:
    """Where the columns stand whose meaning is known."""
    return {role: place for role, place in file.places.items() if not role.startswith(OWN)}


def _days(rows: RatingRows) -> str:
    """The first and the last day, which show a wrong guess of the unit."""
    if rows.seconds is None:
        return ""
    first, last = int(rows.seconds.min()), int(rows.seconds.max())
    if last == 0:
        return "; the time is 0 in each row"
    if rows.unit is TimeUnit.SECONDS and last < SURELY_SECONDS:
        return (
            f"; times from {first} to {last} would be seconds of {_day(last)} and before, so only their order"
            " means something (write years, months and days as 2020-03-14)"
        )
    return f"; from {_day(first)} to {_day(last)}"


def _in_future(rows: RatingRows) -> list[str]:
    tomorrow = time.time() + 86_400
    if rows.seconds is None or (last := int(rows.seconds.max())) <= tomorrow:
        return []
    n = counted(int((rows.seconds > tomorrow).sum()), "row has a time", "rows have a time")
    return [f"{n} in the future, up to {_day(last)}"]


def _day(seconds: int) -> str:
    return str(np.datetime64(seconds, "s").astype("M8[D]"))


def _other_columns(file: RatingFile) -> str:
    """The columns without a meaning, one of which may be that of the ratings."""
    names = [
        name for place, name in enumerate(file.format.header) if place not in _known(file).values() and name
    ]
    if not names:
        return ""
    return f" (--columns rating=NAME or --weights NAME says which of {', '.join(names[:_SHOWN])} has them)"


def rating_places(table_format: TableFormat, asked: Sequence[Asked]) -> dict[str, int]:
    """Where the columns of ratings stand; of a file without header as 100K has them."""
    found = places("ratings", table_format.header, asked)
    names = table_format.header
    if not table_format.has_header and not found and len(names) in (2, 3, 4):
        return dict(zip((USER, ITEM, RATING, TIMESTAMP), range(len(names)), strict=False))
    if WEIGHT in found:
        found = {role: place for role, place in found.items() if role != RATING}
    return found


def shared_ids(ratings: TableFormat, asked: Sequence[Asked]) -> tuple[Asked, ...]:
    """The tables of items and users have their ids in columns that are called as among the ratings."""
    found = rating_places(ratings, asked) if ratings.has_header else {}
    names = {table: ratings.header[found[role]] for table, role in _IDS.items() if role in found}
    is_title = TITLE in found and found[ITEM] == found[TITLE]
    return tuple(
        Asked(table, ID, name)
        for table, name in names.items()
        if normalised(name).endswith(_ENDS_OF_IDS) or (table == ITEMS and is_title)
    )


_IDS = {ITEMS: ITEM, USERS: USER}
_ENDS_OF_IDS = ("id", "asin", "isbn", "key", "code", "number", "uuid", "sku")  # "movie" may be the title


def no_ratings(
    place: str | Path,
    formats: Sequence[TableFormat],
    missing: Sequence[str],
    problems: Sequence[DataError] = (),
) -> DataError:
    """The error where a table lacks one of the columns that ratings need."""
    headers = "; ".join(", ".join(one.header[:12])[:200] for one in formats[:5])
    found = f"; the columns are {headers}" if headers else ""
    if len(formats) == 1 and formats[0].is_text and len(formats[0].header) == 1:
        found = "; its lines are not separated by comma, semicolon, tab, |, :: or blank"
    if ITEM in missing and max((len(one.header) for one in formats), default=0) > _WIDE:
        found += "; of a table with a column for each item, make rows of user, item and rating first"
    unread = f"; {'; '.join(map(str, problems[:2]))}" if problems else ""
    is_ones = missing == [USER] and len(formats) == 1
    or_else = ", or give it to recommend --ratings_file if it is one person's" if is_ones else ""
    line = formats[0].first_line - 1 if len(formats) == 1 and formats[0].has_header else 0
    return DataError(
        f"has no table with a column of the {' and one of the '.join(f'{role}s' for role in missing)}{found}"
        f"{unread}; say which are theirs with --columns user=NAME item=NAME{or_else}",
        file=place,
        line=line or None,
    )
