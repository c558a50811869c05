"""The files in which people have what they watched elsewhere: one table, or a site's whole export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.reader.formats import CP1252, UTF_8, TableFormat, format_of, is_table, sniff
from movierec_cli.data.reader.small_tables import Table, decoded, table_of
from movierec_cli.errors import DataError
from movierec_cli.files.reading import read_content
from movierec_cli.recommend.export_layouts import (
    PLAIN_LIST,
    ExportLayout,
    Standing,
    is_of_the_person,
    layout_of,
)
from movierec_cli.recommend.rating_lists import RatedTitle, ReadTable, read_titles
from movierec_cli.recommend.rating_scales import Scale
from movierec_cli.records import dataclass
from movierec_cli.text import counted, listed

_HEAD_BYTES = 1 << 16
_NAMED = 8  # files in a sentence
_NETFLIX_HISTORY = re.compile(r"netflix[^/]*$")  # its columns have names in the person's language
# How a list of Letterboxd begins, and the header below what it says of the list itself.
_PREAMBLE, _HEADER_BELOW = (
    re.compile(rb"(?:\xef\xbb\xbf)?Letterboxd list export"),
    re.compile(rb"\nPosition,"),
)


@dataclass(frozen=True)
class RatingList:
    """The rows of a file, or of all files of an export, in their order."""

    source: str  # for people: "IMDb's export"
    scale: Scale | None  # that of the source, or of the ratings themselves; None: there are no ratings
    titles: tuple[RatedTitle, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_history(self) -> bool:
        """Whether it names movies that the person watched and did not rate."""
        return any(one.rating is None and one.standing in _WATCHED for one in self.titles)


_WATCHED = (Standing.SEEN, Standing.LIKED)


def read_rating_list(path: Path, *, needs_ratings: bool = True) -> RatingList:
    """Reads what somebody rated, watched and liked: a site's export, or a list of titles and ratings.

    Of an export, as zip or folder, all files count that `export_layouts.LAYOUTS` knows, but what is on the
    watchlist is not seen, and a list that the person made counts only where nothing else is there.

    Args:
        path: a table of text, JSON or Parquet, see `small_tables.table_of`, a zip or a folder.
        needs_ratings: whether a plain list must have a column of ratings.

    Raises:
        DataError: the file cannot be read, has no such columns or no rows, or is a watchlist; or, with the
            line, a row cannot be read.
    """
    archive = open_archive(path)
    if archive.is_zip or path.is_dir():
        return _of_export(path, archive)
    table, layout = _opened(archive, archive.names[0], f"{path.resolve().parent.name}/{path.name}")
    read = read_titles(table, layout, needs_ratings=needs_ratings)
    if not read.titles:
        raise DataError("names its columns but no movie", file=path)
    if all(one.standing is Standing.WANTED and one.rating is None for one in read.titles):
        raise DataError(
            f"is a watchlist ({layout.source}): movies that were not seen, which say nothing of what was;"
            " --exclude takes it",
            file=path,
        )
    is_other = table.format.encoding == CP1252
    said = (f"{path}: is no UTF-8, and was read as cp1252",) if is_other else table.warnings
    warnings = (*said, *_of_several(path, [read]))
    return RatingList(layout.source, read.scale, read.titles, warnings)


def read_watch_list(path: Path) -> tuple[RatedTitle, ...]:
    """Reads a list of movies, rated or not: as `read_rating_list` takes it, or a title in each line.

    Raises:
        DataError: as `read_rating_list`.
    """
    archive = open_archive(path)
    if not (archive.is_zip or path.is_dir()):
        table, layout = _opened(archive, archive.names[0], path.name)
        if not layout.is_known and not table.format.has_header and table.format.is_text:
            lines = enumerate(decoded(read_content(path), table.format).splitlines(), start=1)
            titles = ((number, line.strip()) for number, line in lines)
            return tuple(RatedTitle(n, one, None, None, None, None, None, "") for n, one in titles if one)
    return read_rating_list(path, needs_ratings=False).titles


def read_export(path: Path) -> tuple[RatedTitle, ...] | None:
    """All that a site's export names, the watchlist too where it is that file; None where it is no export.

    Raises:
        DataError: it is an export that cannot be read.
    """
    archive = open_archive(path)
    if archive.is_zip or path.is_dir():
        return _of_export(path, archive).titles
    try:
        table, layout = _opened(archive, archive.names[0], f"{path.resolve().parent.name}/{path.name}")
    except DataError:
        return None
    return read_titles(table, layout).titles if layout.is_known else None


def _of_export(path: Path, archive: Archive) -> RatingList:
    members = [name for name in archive.names if is_table(name) and is_of_the_person(name)]
    read: dict[str, ReadTable] = {}
    warnings: list[str] = []
    unread: list[str] = []
    for name in members:
        try:
            table, layout = _opened(archive, name, name)
        except DataError:
            unread.append(name)
            continue
        if layout.is_known:
            read[name] = read_titles(table, layout, file=name)
            warnings += table.warnings
    if not read:
        raise DataError("holds no file of ratings that is known by its columns; give one file", file=path)
    wanted = [name for name, one in read.items() if one.layout.standing is Standing.WANTED]
    lists = [name for name, one in read.items() if one.layout.is_list and name not in wanted]
    taken = [name for name in read if name not in (*wanted, *lists)]
    if not any(read[name].titles for name in taken):
        taken, lists = lists, []
    tables = [read[name] for name in taken]
    scale = next((table.scale for table in tables if table.scale is not None), None)
    titles = tuple(one for table in tables for one in _on_scale(table, scale))
    if not titles:
        raise DataError("has no movie that was seen", file=path)
    source = listed(dict.fromkeys(table.layout.source for table in tables))
    said = [f"{path}: found {_counted(taken, read)}"]
    said += [f"left out as not seen: {_counted(wanted, read)}"] if wanted else []
    said += [f"left out, as a list does not say what was seen: {_counted(lists, read)}"] if lists else []
    said += [f"no tables: {', '.join(unread[:_NAMED])}"] if unread else []
    return RatingList(source, scale, titles, ("; ".join(said), *warnings, *_of_several(path, tables)))


def _on_scale(table: ReadTable, scale: Scale | None) -> Iterator[RatedTitle]:
    """A table's rows on the scale of the export's first one, where it holds files of several sites."""
    own = table.scale
    for one in table.titles:
        if own is None or scale is None or own == scale or one.rating is None:
            yield one
        else:
            yield replace(one, rating=max(one.rating * scale.highest / own.highest, scale.lowest))


def _counted(names: Sequence[str], read: dict[str, ReadTable]) -> str:
    shown = ", ".join(f"{name} ({len(read[name].titles):,})" for name in names[:_NAMED])
    more = len(names) - _NAMED
    return shown if more <= 0 else f"{shown} and {counted(more, 'more file')}"


def _of_several(path: Path, tables: Iterable[ReadTable]) -> tuple[str, ...]:
    profiles = list(dict.fromkeys(one for table in tables for one in table.profiles))
    if len(profiles) < 2:
        return ()
    return (
        f"{path}: has rows of {len(profiles)} profiles, {', '.join(profiles[:_NAMED])}, and all count;"
        " delete the rows of others",
    )


def _opened(archive: Archive, member: str, path: str) -> tuple[Table, ExportLayout]:
    """A table and its layout, which the path decides where columns do not."""
    table_format = _format_of(archive, member)
    table = table_of(archive, member, table_format=table_format)
    has_names = table_format.has_header or not table_format.is_text
    return table, layout_of(path, table_format.header) if has_names else PLAIN_LIST


def _format_of(archive: Archive, member: str) -> TableFormat:
    """How a member is written, below what stands before its header."""
    if not member.lower().endswith((".parquet", ".pq")):
        with archive.open(member) as stream:
            head = stream.read(_HEAD_BYTES)
        header = _HEADER_BELOW.search(head) if _PREAMBLE.match(head) else None
        if header is not None:
            before = head[: header.start() + 1].count(b"\n")
            found = format_of(head[header.start() + 1 :], archive.place(member))
            return replace(found, n_before=found.n_before + before, encoding=found.encoding or UTF_8)
    found = sniff(archive, member)
    if len(found.header) == 2 and found.is_text and _NETFLIX_HISTORY.search(member.lower()):
        return replace(found, header=("Title", "Date"), has_header=True)
    return found
