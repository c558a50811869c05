"""Which layout an archive has, and which of its files are read.

A layout that is known by name is found by the names of its files, and by how they begin where others have
the same names. Any other files are read by the names of their columns: a table of ratings is one that has a
column of users and one of items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from movierec_cli.config.entry_points import EntryKind, usable
from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import TEST, TRAIN, VALIDATION
from movierec_cli.data.layouts import LAYOUTS
from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.reader.formats import is_number, is_table, sniff
from movierec_cli.data.reader.roles import (
    AGE,
    GENDER,
    GENRES,
    ID,
    IMDB,
    ITEM,
    OCCUPATION,
    OF_USERS,
    RATING,
    TIMESTAMP,
    TITLE,
    USER,
    WEIGHT,
    ZIP_CODE,
    Asked,
    normalised,
    parse_columns,
    places,
)
from movierec_cli.data.source_files import (
    ITEMS,
    LINKS,
    RATINGS,
    USERS,
    Files,
    Layout,
    TableFile,
    no_ratings,
    rating_places,
    shared_ids,
)
from movierec_cli.data.sources import LayoutKind
from movierec_cli.errors import DataError, UsageError

TABLES = Layout(LayoutKind.TABLES)


def recognise(path: Path, reading: Reading | None = None) -> Files:
    """Opens a file, folder or zip and tells its layout: by the files' names, else by their columns.

    Raises:
        DataError: it cannot be opened, or has no table of ratings.
        UsageError: `--columns` names what is in no file.
    """
    archive = open_archive(path)
    reading = reading or Reading()
    found = _of_layouts(archive, LAYOUTS)
    if found is None:
        own, problems = installed_layouts()
        found = _of_layouts(archive, own) or _by_columns(archive, reading)
        found = replace(found, problems=problems)
    found = _with_given_parts(replace(found, reading=reading))
    check_asked(found)
    return found


def _of_layouts(archive: Archive, layouts: Iterable[Layout]) -> Files | None:
    by_name = (_named(folder, layout) for layout in layouts for folder in _folders(archive))
    return next((files for files in by_name if files is not None), None)


def installed_layouts() -> tuple[list[Layout], tuple[str, ...]]:
    """The layouts that packages bring, by name, and a sentence for each that cannot be used."""
    found, problems = usable(EntryKind.LAYOUT, Layout)
    own = [replace(one.entry, kind=name, origin=one.origin) for name, one in found.items()]
    return own, problems


def _folders(archive: Archive) -> list[Archive]:
    """The archive, looked at from its top and from each folder below."""
    folders = sorted({f"{name.rpartition('/')[0]}/" for name in archive.names if "/" in name})
    return [archive, *(replace(archive, inner_folder=folder) for folder in folders)]


def _members(archive: Archive) -> list[str]:
    """Names of the files in the folder that is looked at."""
    front = archive.inner_folder
    inner = (name[len(front) :] for name in archive.names if name.startswith(front))
    return [name for name in inner if "/" not in name or not front]


def _named(archive: Archive, layout: Layout) -> Files | None:
    tables: list[TableFile] = []
    others: list[str] = []
    for spec in layout.files:
        members = [name for name in _members(archive) if "/" not in name and spec.matches(archive, name)]
        if not members and spec.is_needed:
            return None
        several = spec.table == RATINGS and layout.kind in (LayoutKind.NETFLIX, LayoutKind.RECBOLE)
        chosen = members if several else members[:1]
        others += [name for name in members if name not in chosen]
        tables += [
            TableFile(spec.table, archive, name, spec.format(archive, name), _part(name), spec.is_announced)
            for name in chosen
        ]
    return Files(archive, layout, tuple(tables), others=tuple(others))


_PART = re.compile(r"(?:^|[^a-z])(train|training|valid|validation|val|dev|test|testing)(?:[^a-z]|$)")
_PARTS = {"train": TRAIN, "training": TRAIN, "test": TEST, "testing": TEST}
_RATING_WORDS = re.compile(
    r"rating|interaction|inter\b|review|event|view|play|purchase|click|watch|feedback|train"
)
_OTHER_WORDS = re.compile(r"tag|genome|link|trust|friend|similar")
_ITEM_WORDS = re.compile(
    r"item|movie|film|book|artist|product|meta|title|song|game|track|article|content|show"
)
_USER_WORDS = re.compile(r"user|member|customer|person|people|profile|reader|reviewer")


def _part(name: str) -> int | None:
    found = _PART.search(PurePath(name).name.lower())
    return None if found is None else _PARTS.get(found[1], VALIDATION)


def _by_columns(archive: Archive, reading: Reading) -> Files:
    """What the files hold, by the names of their columns."""
    asked = parse_columns(reading.columns)
    found: list[TableFile] = []
    problems: dict[str, DataError] = {}
    for name in _members(archive):
        if is_table(name) or len(archive.names) == 1:
            try:
                found.append(TableFile("", archive, name, sniff(archive, name), _part(name)))
            except DataError as error:
                problems[name] = error
    known = [rating_places(one.format, asked) for one in found]
    has_ids = any(roles.get(ITEM) != roles.get(TITLE) for roles in known if USER in roles)
    rated = [
        one
        for one, roles in zip(found, known, strict=True)
        if {USER, ITEM} <= roles.keys() and not (has_ids and roles[ITEM] == roles.get(TITLE))
    ]
    rated = [one for one in rated if len(found) == 1 or asked or _has_ratings(one)]
    named = [one for one in rated if one.format.has_header] or rated
    if not named:
        if "[Content_Types].xml" in archive.names:
            raise DataError("is a spreadsheet; save it as CSV", file=archive.path)
        if len(problems) == 1 and not found:
            raise next(iter(problems.values()))
        if found:
            check_asked(Files(archive, TABLES, tuple(replace(one, table=RATINGS) for one in found), reading))
        missing = [role for role in (USER, ITEM) if not any(role in one for one in known)] or [USER, ITEM]
        raise no_ratings(archive.path, [one.format for one in found], missing, [*problems.values()])
    best = max(named, key=lambda one: _likelihood(one, asked))
    chosen = [one for one in named if _goes_with(one, best)]
    others = [one for one in found if one not in rated]
    asked = (*asked, *shared_ids(best.format, asked))
    items = _best(others, lambda one: _item_likelihood(one, asked))
    users = _best([one for one in others if one is not items], lambda one: _user_likelihood(one, asked))
    links = _best(
        [one for one in others if one not in (items, users)],
        lambda one: len({ID, IMDB} & places("items", one.format.header).keys()) - 1,
    )
    tables = [replace(one, table=RATINGS) for one in chosen]
    tables += [
        replace(one, table=table) for table, one in ((ITEMS, items), (USERS, users), (LINKS, links)) if one
    ]
    read = [one.member for one in tables]
    told = [one.member for one in found if one in named or one.format.has_header]  # others may be texts
    left_out = sorted(member for member in told if member not in read)
    unread = [f"{name} ({error.problem})" for name, error in problems.items()]
    return Files(archive, TABLES, tuple(tables), reading, (*left_out, *unread))


def _has_ratings(one: TableFile) -> bool:
    """Whether there is a number where ratings stand, if no header says that they do."""
    place = rating_places(one.format, ()).get(RATING)
    if one.format.has_header or place is None:
        return True
    with one.archive.open(one.member) as stream:
        lines = [stream.readline() for _ in range(one.format.first_line)]
    fields = lines[-1].decode(one.format.encoding, "replace").strip().split(one.format.separator)
    return is_number(fields[place] if place < len(fields) else "")


def _likelihood(one: TableFile, asked: Sequence[Asked]) -> tuple[int, ...]:
    """How likely a table with users and items is the one of ratings, for comparison."""
    found, name = rating_places(one.format, asked), PurePath(one.member).name.lower()
    return (
        not _OTHER_WORDS.search(name),
        RATING in found,
        one.part is None or one.part == TRAIN,
        bool(_RATING_WORDS.search(name)),
        TIMESTAMP in found,
        one.archive.size(one.member),
    )


def _goes_with(one: TableFile, best: TableFile) -> bool:
    """Whether two files are pieces of one table, or parts of one split."""
    if one is best:
        return True
    headers = [sorted(map(normalised, each.format.header)) for each in (one, best)]
    if headers[0] != headers[1]:
        return False
    names = [re.sub(r"\d+", "0", PurePath(each.member).name.lower()) for each in (one, best)]
    return names[0] == names[1] or (one.part is not None and best.part is not None)


def _best(files: Sequence[TableFile], likelihood: Callable[[TableFile], int]) -> TableFile | None:
    best = max(files, key=likelihood, default=None)
    return best if best is not None and likelihood(best) > 0 else None


def _item_likelihood(one: TableFile, asked: Sequence[Asked]) -> int:
    found, name = places("items", one.format.header, asked), PurePath(one.member).name.lower()
    is_of_users = {AGE, GENDER, OCCUPATION, ZIP_CODE} & places("users", one.format.header).keys()
    shared = [normalised(column.name) for column in asked if (column.table, column.role) == (ITEMS, ID)]
    is_surely = any(normalised(name) in shared for name in one.format.header)
    is_named = bool(_ITEM_WORDS.search(name))
    if (is_of_users or _USER_WORDS.search(name)) and not (is_named or is_surely):
        return 0
    if ID not in found or not ({TITLE, GENRES} & found.keys() or len(found) > 2):
        return 0
    return len(found) + 5 * is_named + 3 * (TITLE in found) + 10 * is_surely


def _user_likelihood(one: TableFile, asked: Sequence[Asked]) -> int:
    found = places("users", one.format.header, asked)
    of_rating = places("ratings", one.format.header)
    if ID not in found or of_rating.get(ITEM) != of_rating.get(TITLE):
        return 0
    is_named = bool(_USER_WORDS.search(PurePath(one.member).name.lower()))
    return 3 * is_named + len(found.keys() & set(OF_USERS)) - 1


def _with_given_parts(files: Files) -> Files:
    """With the files of `--test` and `--validation`; parts that are not of one split are forgotten."""
    given = [(TEST, files.reading.test), (VALIDATION, files.reading.validation)]
    tables = list(files.tables)
    for part, path in given:
        if path is None:
            continue
        archive = open_archive(path)
        if archive.is_zip or path.is_dir():
            raise DataError("is an archive; give one file", file=path)
        member = archive.names[0]
        first = files.of(RATINGS)[0]
        own = sniff(archive, member)
        if not first.format.has_header and not own.has_header and len(own.header) == len(first.format.header):
            own = replace(own, header=first.format.header)
        tables = [
            replace(one, part=TRAIN if one.table == RATINGS and one.part is None else one.part)
            for one in tables
        ]
        tables.append(TableFile(RATINGS, archive, member, own, part))
    parts = {one.part for one in tables if one.table == RATINGS}
    if not {TRAIN, TEST} <= parts:
        if files.reading.validation is not None:
            raise UsageError("--validation needs the ratings of the test part too: give them with --test")
        tables = [replace(one, part=None) for one in tables]
    tables.sort(key=lambda one: (one.table != RATINGS, one.part or TRAIN))
    return replace(files, tables=tuple(tables))


def check_asked(files: Files) -> None:
    """Raises a `UsageError` for a column that is in none of the table's files."""
    weights = Asked("ratings", WEIGHT, files.reading.weights or "")
    columns = parse_columns(files.reading.columns)
    of_role = {one.role: normalised(one.name) for one in columns if one.table == RATINGS}
    if USER in of_role and of_role[USER] == of_role.get(ITEM):
        raise UsageError(f"--columns says that user and item are one column, {of_role[USER]}")
    for one in (*columns, *([weights] if weights.name else [])):
        names = list(dict.fromkeys(name for table in files.of(one.table) for name in table.format.header))
        if not names:
            raise UsageError(
                f"--columns says {one.table}.{one.role}={one.name}, but no table of {one.table} is read; for"
                f" a column in the file of the ratings say {one.role}={one.name}"
            )
        if normalised(one.name) not in map(normalised, names) and one.name not in names:
            known = ", ".join(names[:40])
            raise UsageError(
                f"there is no column '{one.name}' in the table of {one.table}; its columns are {known}"
            )
