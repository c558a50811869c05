"""The layouts: which files of an archive hold what, and how they are read. A new one is one entry.

A layout that is known by name is found by the names of its files, and by how they begin where others have
the same names. Any other files are read by the names of their columns: a table of ratings is one that has a
column of users and one of items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import (
    HALF_STARS,
    TEST,
    TRAIN,
    VALIDATION,
    Columns,
    Movies,
    RatingScale,
    Users,
)
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader import movielens
from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.reader.assemble import Told, assemble, movies_of, users_of, with_imdb_numbers
from movierec_cli.data.reader.formats import LATIN_1, UTF_8, TableFormat, is_table, sniff
from movierec_cli.data.reader.rating_blocks import RatingFile, Rules, read_ratings
from movierec_cli.data.reader.roles import (
    GENRES,
    ID,
    IMDB,
    ITEM,
    OF_ITEMS,
    OF_USERS,
    RATING,
    TIMESTAMP,
    TITLE,
    TMDB,
    USER,
    WEIGHT,
    Asked,
    normalised,
    parse_columns,
    places,
    says_movie,
)
from movierec_cli.data.reader.tables import BadRows, Table, table_of
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.data.sources import LayoutKind
from movierec_cli.errors import DataError, UsageError

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
        return replace(found, quoted=self.separator == ",")


@dataclass(frozen=True)
class Layout:
    """What makes an archive of this layout, and how it is read."""

    kind: LayoutKind
    files: tuple[FileSpec, ...] = ()
    noun: str = "movie"
    rules: Rules = field(default_factory=Rules)
    asked: str = ""  # as `--columns`, for columns whose names do not say it
    genre_separator: str = ""
    movies: Callable[[Files, Told], Movies] | None = None  # where they are not one table of usual columns
    users: Callable[[Archive], Users] | None = None
    note: str = ""  # what everybody should know of such data


@dataclass(frozen=True)
class TableFile:
    """A file of an archive, and how it is written."""

    table: str
    archive: Archive
    member: str
    format: TableFormat
    part: int | None = None  # of a split that came with the data

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
    others: tuple[str, ...] = ()  # tables of ratings that are left out, for people

    @property
    def members(self) -> tuple[str, ...]:
        """The members of the archive that are read."""
        return tuple(one.member for one in self.tables if one.archive is self.archive)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What `--columns` and the layout say of the columns; what people ask for comes first."""
        own = parse_columns(self.reading.columns)
        weights = (Asked("ratings", WEIGHT, self.reading.weights),) if self.reading.weights else ()
        return (*own, *weights, *parse_columns(tuple(self.layout.asked.split())))

    def of(self, table: str) -> tuple[TableFile, ...]:
        """The files of one table."""
        return tuple(one for one in self.tables if one.table == table)

    def table(self, one: TableFile, bad: BadRows | None = None) -> Table:
        """Opens a file."""
        return table_of(one.archive, one.member, bad, one.format)

    # --- reading --------------------------------------------------------------------------------------

    def parse(self, progress: Progress) -> Columns:
        """Reads all of it. Raises a `DataError` with file and line."""
        told, bad = Told(), BadRows(self.reading.skip_bad_rows)
        noun = self.noun
        movies = self._movies(noun, told, bad)
        users = self._users(told, bad)
        files = [self._rating_file(one) for one in self.of(RATINGS)]
        rows = read_ratings(files, self._rules, bad, progress)
        told.warnings += [*rows.notes, *bad.warnings]
        columns = assemble(rows, movies, users, self.reading, self._rules, noun, told)
        return replace(columns, notes=(*self._notes(files, rows.unit), *columns.notes))

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
        if self.reading.rating_scale is None or self.layout.rules.scale is None:
            return self.layout.rules
        return replace(self.layout.rules, scale=RatingScale(*self.reading.rating_scale), step=0.0)

    def _rating_file(self, one: TableFile) -> RatingFile:
        found = rating_places(one.format, self.asked)
        missing = [role for role in (USER, ITEM) if role not in found]
        if missing:
            raise _no_ratings(one.archive.place(one.member), [one.format], missing)
        has_items = self.of(ITEMS) or self.layout.movies or not self.layout.rules.own_items
        kept = {role: place for role, place in found.items() if role not in OF_ITEMS or not has_items}
        return RatingFile(one.archive, one.member, one.format, kept, one.part)

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
            movies = with_imdb_numbers(movies, links, places("items", links.header))
        return movies

    def _users(self, told: Told, bad: BadRows) -> Users | None:
        if self.layout.users is not None:
            return self.layout.users(self.archive)
        if not (files := self.of(USERS)):
            return None
        table = self.table(files[0], bad)
        return users_of(table, places("users", table.header, self.asked), told)

    def _notes(self, files: Sequence[RatingFile], unit: object) -> tuple[str, ...]:
        """How the files were understood, in one line; nothing of what is read to the letter."""
        if self.layout.rules.whole_ids:
            return ()
        columns = [f"{role} {files[0].format.header[place]}" for role, place in files[0].places.items()]
        times = f" (times in {unit}, UTC)" if unit else ""
        left_out = f"; left out: {', '.join(self.others)}" if self.others else ""
        kind = "" if self.layout.kind is LayoutKind.TABLES else f"{self.layout.kind} layout: "
        shown = [one.shown for one in self.tables]
        more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
        line = f"{kind}read {', '.join(shown[:6])}{more}: {', '.join(columns)}{times}{left_out}"
        return (line, self.layout.note) if self.layout.note else (line,)


def rating_places(table_format: TableFormat, asked: Sequence[Asked]) -> dict[str, int]:
    """Where the columns of ratings stand; of a file without header as 100K has them."""
    found = places("ratings", table_format.header, asked)
    names = table_format.header
    if not table_format.has_header and not found and len(names) in (2, 3, 4):
        return dict(zip((USER, ITEM, RATING, TIMESTAMP), range(len(names)), strict=False))
    if WEIGHT in found:
        found = {role: place for role, place in found.items() if role != RATING}
    return found


# --- the layouts --------------------------------------------------------------------------------------


def _joined_by_tmdb(files: Files, told: Told) -> Movies:
    """The metadata of The Movies Dataset has TMDb's ids; its links lead from MovieLens' to these."""
    (metadata,), (links_file,) = files.of(ITEMS)[:1], files.of(LINKS)[:1]
    table, links = files.table(metadata, BadRows(skip=True)), files.table(links_file)
    place, of_links = places("items", table.header)[ID], places("items", links.header)
    ids: dict[str, str] = {}
    for row in links.rows:
        tmdb = row.fields[of_links[TMDB]].strip().removesuffix(".0")
        if tmdb:
            ids.setdefault(tmdb, row.fields[of_links[ID]].strip())
    n_rows, without = 0, 0

    def own_ids() -> Iterator[TextRow]:
        nonlocal n_rows, without
        for row in table.rows:
            n_rows += 1
            own = ids.get(row.fields[place].strip().removesuffix(".0"))
            if own is None:
                without += 1
            else:
                yield replace(row, fields=[*row.fields[:place], own, *row.fields[place + 1 :]])

    joined = replace(table, rows=own_ids())
    movies = movies_of(joined, places("items", table.header), files.layout.noun, told)
    if without:
        told.warnings.append(
            f"{metadata.member}: {without:,} of {n_rows:,} rows have no entry in {links_file.member}, so no"
            " rating can name them"
        )
    return movies


_DAT = "userId movieId rating timestamp"
_ASIN, _AND_TIME = r"[A-Z0-9]{10}", r"\d[.\d]*,\d{9,}$"

LAYOUTS = (
    Layout(
        LayoutKind.MOVIELENS_100K,
        (
            FileSpec(RATINGS, r"u\.data", _DAT, "\t"),
            FileSpec(ITEMS, r"u\.item"),
            FileSpec(USERS, r"u\.user"),
        ),
        rules=Rules(whole_ids=True, scale=RatingScale(1, 5), step=1),
        movies=lambda files, told: movielens.movies_100k(files.archive),
        users=movielens.users_100k,
    ),
    Layout(
        LayoutKind.MOVIELENS_1M,
        (
            FileSpec(RATINGS, r"ratings\.dat", _DAT, "::"),
            FileSpec(ITEMS, r"movies\.dat", "movieId title genres", "::", encoding=LATIN_1),
            FileSpec(USERS, r"users\.dat", begins=r"\d+::[MF]::"),
        ),
        rules=Rules(whole_ids=True, scale=RatingScale(1, 5), step=1),
        movies=lambda files, told: movielens.movies_1m(files.archive),
        users=movielens.users_1m,
    ),
    Layout(
        LayoutKind.MOVIETWEETINGS,
        (
            FileSpec(RATINGS, r"ratings\.dat", _DAT, "::"),
            FileSpec(ITEMS, r"movies\.dat", "movieId title genres", "::"),
            FileSpec(USERS, r"users\.dat", "userId twitterId", "::", begins=r"\d+::\d+$"),
        ),
        rules=Rules(scale=RatingScale(0, 10)),
    ),
    Layout(
        LayoutKind.MOVIELENS_10M,
        (
            FileSpec(RATINGS, r"ratings\.dat", _DAT, "::"),
            FileSpec(ITEMS, r"movies\.dat", "movieId title genres", "::"),
        ),
        rules=Rules(scale=HALF_STARS),
    ),
    Layout(
        LayoutKind.THE_MOVIES_DATASET,
        (
            FileSpec(RATINGS, r"ratings(_small)?\.csv"),
            FileSpec(ITEMS, r"movies_metadata\.csv"),
            FileSpec(LINKS, r"links(_small)?\.csv"),
        ),
        rules=Rules(scale=HALF_STARS),
        movies=_joined_by_tmdb,
    ),
    Layout(
        LayoutKind.CSV,
        (
            FileSpec(RATINGS, r"ratings\.csv", begins=r"userId,movieId,rating,timestamp$"),
            FileSpec(ITEMS, r"movies\.csv", begins=r"movieId,title,genres$"),
            FileSpec(LINKS, r"links\.csv", is_needed=False),
        ),
    ),
    Layout(
        LayoutKind.KAGGLE_20M,
        (
            FileSpec(RATINGS, r"rating\.csv"),
            FileSpec(ITEMS, r"movie\.csv"),
            FileSpec(LINKS, r"link\.csv", is_needed=False),
        ),
        rules=Rules(scale=HALF_STARS),
    ),
    Layout(
        LayoutKind.NETFLIX,
        (
            FileSpec(RATINGS, r"(combined_data_\d+|mv_\d+)\.txt", "movieId userId rating date", ","),
            FileSpec(ITEMS, r"movie_titles\.(csv|txt)", "movieId year title", ",", is_needed=False),
        ),
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.BOOK_CROSSING,
        (
            FileSpec(RATINGS, r"(bx-)?(book-)?ratings\.csv", begins=r'"?User-ID"?[;,]"?ISBN'),
            FileSpec(ITEMS, r"(bx[-_])?books\.csv", is_needed=False),
            FileSpec(USERS, r"(bx-)?users\.csv", is_needed=False),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(0, 10)),
        note="a rating of 0 means that none was given; --min_rating 1 leaves these rows out",
    ),
    Layout(
        LayoutKind.LASTFM,
        (FileSpec(RATINGS, r"user_artists\.dat"), FileSpec(ITEMS, r"artists\.dat", is_needed=False)),
        noun="item",
        asked="weight=weight items.id=id",
    ),
    Layout(
        LayoutKind.LASTFM,
        (FileSpec(RATINGS, r"usersha1-artmbid-artname-plays\.tsv", "userId mbid title weight", "\t"),),
        noun="item",
        asked="item=title weight=weight",
    ),
    Layout(
        LayoutKind.LASTFM,
        (
            FileSpec(
                RATINGS,
                r"userid-timestamp-artid-artname-traid-traname\.tsv",
                "userId timestamp mbid title trackMbid trackName",
                "\t",
            ),
        ),
        noun="item",
        asked="item=title",
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(
                RATINGS,
                r".+\.csv",
                "userId itemId rating timestamp",
                ",",
                begins=r"\w+,[A-Z0-9]{10},\d[.\d]*,\d{9,}$",
            ),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(
                RATINGS,
                r".+\.csv",
                "itemId userId rating timestamp",
                ",",
                begins=r"[A-Z0-9]{10},\w+,\d[.\d]*,\d{9,}$",
            ),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5)),
    ),
    Layout(
        LayoutKind.AMAZON,
        (
            FileSpec(RATINGS, r"(?!meta).+\.jsonl?", begins=r'\{.*"(reviewerID|parent_asin)"'),
            FileSpec(ITEMS, r"meta.*\.jsonl?", is_needed=False),
        ),
        noun="item",
        rules=Rules(scale=RatingScale(1, 5), own_items=False),
    ),
    Layout(
        LayoutKind.RECBOLE,
        (
            FileSpec(RATINGS, r".+\.inter"),
            FileSpec(ITEMS, r".+\.item", is_needed=False),
            FileSpec(USERS, r".+\.user", is_needed=False),
        ),
        noun="item",
        genre_separator=" ",
    ),
)
TABLES = Layout(LayoutKind.TABLES)


def recognise(path: Path, reading: Reading | None = None) -> Files:
    """Opens a file, folder or zip and tells its layout: by the files' names, else by their columns.

    Raises:
        DataError: it cannot be opened, or has no table of ratings.
        UsageError: `--columns` names what is in no file.
    """
    archive = open_archive(path)
    reading = reading or Reading()
    by_name = (_named(folder, layout) for layout in LAYOUTS for folder in _folders(archive))
    found = next((files for files in by_name if files is not None), None) or _by_columns(archive, reading)
    found = _with_given_parts(replace(found, reading=reading))
    _check_asked(found)
    return found


def _folders(archive: Archive) -> list[Archive]:
    """The archive, looked at from its top and from each folder below."""
    folders = sorted({f"{name.split('/')[0]}/" for name in archive.names if name.count("/") == 1})
    return [archive, *(replace(archive, inner_folder=folder) for folder in folders)]


def _members(archive: Archive) -> list[str]:
    """Names of the files in the folder that is looked at."""
    front = archive.inner_folder
    inner = (name[len(front) :] for name in archive.names if name.startswith(front))
    return [name for name in inner if "/" not in name or not front]


def _named(archive: Archive, layout: Layout) -> Files | None:
    tables: list[TableFile] = []
    for spec in layout.files:
        members = [name for name in _members(archive) if "/" not in name and spec.matches(archive, name)]
        if not members and spec.is_needed:
            return None
        several = spec.table == RATINGS and layout.kind in (LayoutKind.NETFLIX, LayoutKind.RECBOLE)
        chosen = members if several else members[:1]
        tables += [
            TableFile(spec.table, archive, name, spec.format(archive, name), _part(name)) for name in chosen
        ]
    return Files(archive, layout, tuple(tables))


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
    problems: list[DataError] = []
    for name in _members(archive):
        if is_table(name) or len(archive.names) == 1:
            try:
                found.append(TableFile("", archive, name, sniff(archive, name), _part(name)))
            except DataError as error:
                problems.append(error)
    rated = [one for one in found if {USER, ITEM} <= rating_places(one.format, asked).keys()]
    named = [one for one in rated if one.format.has_header] or rated
    if not named:
        if len(problems) == 1 and not found:
            raise problems[0]
        raise _no_ratings(archive.path, [one.format for one in found], [USER, ITEM], problems)
    best = max(named, key=lambda one: _likelihood(one, asked))
    chosen = [one for one in named if _goes_with(one, best)]
    others = [one for one in found if one not in rated]
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
    left_out = tuple(one.member for one in named if one not in chosen)
    return Files(archive, TABLES, tuple(tables), reading, left_out)


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
    if one.format.header != best.format.header:
        return False
    names = [re.sub(r"\d+", "0", PurePath(each.member).name.lower()) for each in (one, best)]
    return names[0] == names[1] or (one.part is not None and best.part is not None)


def _best(files: Sequence[TableFile], likelihood: Callable[[TableFile], int]) -> TableFile | None:
    best = max(files, key=likelihood, default=None)
    return best if best is not None and likelihood(best) > 0 else None


def _item_likelihood(one: TableFile, asked: Sequence[Asked]) -> int:
    found = places("items", one.format.header, asked)
    if ID not in found or not ({TITLE, GENRES} & found.keys() or len(found) > 2):
        return 0
    return len(found) + 5 * bool(_ITEM_WORDS.search(PurePath(one.member).name.lower())) + 3 * (TITLE in found)


def _user_likelihood(one: TableFile, asked: Sequence[Asked]) -> int:
    found = places("users", one.format.header, asked)
    if ID not in found or ITEM in places("ratings", one.format.header):
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
        tables = [replace(one, part=None) for one in tables]
    return replace(files, tables=tuple(tables))


def _check_asked(files: Files) -> None:
    """Raises a `UsageError` for a column that is in none of the table's files."""
    weights = Asked("ratings", WEIGHT, files.reading.weights or "")
    for one in (*parse_columns(files.reading.columns), *([weights] if weights.name else [])):
        headers = [table.format.header for table in files.of(one.table)]
        names = [normalised(name) for header in headers for name in header]
        if headers and one.name not in [name for header in headers for name in header]:
            if normalised(one.name) in names:
                continue
            known = ", ".join(dict.fromkeys(name for header in headers for name in header))
            raise UsageError(
                f"there is no column '{one.name}' in the table of {one.table}; its columns are {known}"
            )


def _no_ratings(
    place: str | Path,
    formats: Sequence[TableFormat],
    missing: Sequence[str],
    problems: Sequence[DataError] = (),
) -> DataError:
    headers = "; ".join(", ".join(one.header[:12]) for one in formats[:5])
    found = f"; the columns are {headers}" if headers else ""
    unread = f"; {problems[0]}" if problems else ""
    return DataError(
        f"has no table with a column of the {' and one of the '.join(f'{role}s' for role in missing)}{found}"
        f"{unread}; say which are theirs with --columns user=NAME item=NAME",
        file=place,
    )
