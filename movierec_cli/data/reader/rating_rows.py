"""The rows of the ratings' files: fast where all is well, exact where it is not.

A block is parsed at once. Where that fails, or a value does not fit, the same block is read row by row to
name the line.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import IdIndex, Ids, RatingScale, are_texts
from movierec_cli.data.own_columns import GAP, OwnColumn, OwnColumns
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader import column_values as values
from movierec_cli.data.reader.announced import AnnouncedItems
from movierec_cli.data.reader.column_values import TimeUnit
from movierec_cli.data.reader.formats import CP1252, JSON_LINES, PARQUET, UTF_8, parquet_frame
from movierec_cli.data.reader.rating_blocks import (
    OF_ITEMS,
    OWN,
    Block,
    RatingFile,
    blocks,
    has_zeros,
    parsed,
    unquoted,
)
from movierec_cli.data.reader.roles import ITEM, RATING, TIMESTAMP, TITLE, USER, WEIGHT, YEAR, normalised
from movierec_cli.data.reader.small_tables import (
    BadRows,
    as_text,
    complete,
    decoded,
    encoding_warnings,
    json_objects,
    of_objects,
    table_of,
    text_records,
)
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.errors import DataError
from movierec_cli.records import dataclass
from movierec_cli.text import counted

if TYPE_CHECKING:
    from polars import Series

_Array = npt.NDArray[Any]
_IDS = (USER, ITEM)
_FRAME_ROWS = 1 << 20  # that are read at once from Parquet
MOST_VALUES = 100_000
"""Different ones that a column of ratings may have to be a feature, as a review has not."""
_REVIEW_WORDS = {"text", "reviewtext", "review", "reviewbody", "body", "comment", "summary", "content"}
"""Names of columns beside which a title may be that of a review."""


@dataclass(frozen=True)
class Rules:
    """What values a layout can have; what it leaves open is found from the values."""

    whole_ids: bool = False
    scale: RatingScale | None = None
    step: float = 0.0  # of the ratings; 0 for any
    own_items: bool = True  # whether a title or a year in a row of ratings is that of the item


@dataclass(frozen=True)
class Part:
    """The rows of a block."""

    columns: Mapping[str, Any]  # by role: arrays, of ids that are texts polars columns, of others codes
    lines: int | npt.NDArray[np.int64]  # each row's, or the first's where there is one row a line


@dataclass(frozen=True)
class RatingRows:
    """All rows, with the ids that occur in them."""

    user_ids: Ids  # ascending
    item_ids: Ids
    user: npt.NDArray[np.int32]  # [n], places in user_ids
    item: npt.NDArray[np.int32]
    rating: npt.NDArray[np.float32] | None
    seconds: npt.NDArray[np.int64] | None
    weight: npt.NDArray[np.float32] | None
    part: npt.NDArray[np.int8] | None
    unit: TimeUnit | None
    of_items: Mapping[str, tuple[str, ...]]  # what the ratings' own file says: (title, genres, year) by id
    own: OwnColumns  # under the names they have, without kinds
    warnings: tuple[str, ...]
    line_of: Callable[[int], tuple[str, int]]  # a row's file and line


class _OtherKindError(Exception):
    """A column is not what it was taken for, so the files are read again.

    It has an id that is no whole number, where all were so far; or there is nothing in it.
    """

    def __init__(self, role: str, why: str) -> None:
        super().__init__(role)
        self.role, self.why = role, why


def read_ratings(files: Sequence[RatingFile], rules: Rules, bad: BadRows, progress: Progress) -> RatingRows:
    """Reads all rows of the files, one after the other.

    Raises:
        DataError: with the line: a wrong number of fields, an id that is missing, a rating that is no number
            or off the scale, or no time; or no rows at all.
    """
    whys: dict[str, str] = {}
    while True:
        attempt = _Attempt(rules, replace(bad, first=[], n=0), frozenset(whys))
        try:
            for file in files:
                attempt.read(file, progress)
        except _OtherKindError as found:
            whys[found.role] = found.why
            continue
        bad.first, bad.n = [*bad.first, *attempt.bad.first], bad.n + attempt.bad.n
        return attempt.joined(files, whys)


@dataclass
class _Attempt:
    """What stays the same from block to block, and the blocks' rows so far."""

    rules: Rules
    bad: BadRows
    others: frozenset[str]  # roles of ids that are texts, and of other columns that are empty
    unit: TimeUnit | None = None
    parts: list[tuple[RatingFile, Part]] = field(default_factory=list)
    of_items: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, dict[str, int]] = field(default_factory=dict)  # the codes of their values, by role
    warnings: dict[str, str] = field(default_factory=dict)  # one of a kind
    verified: set[str] = field(default_factory=set)  # files
    line_maps: dict[str, Callable[[int], int]] = field(default_factory=dict)  # by file, where not one to one
    n_titled: int = 0  # items of a block with several rows …
    n_retitled: int = 0  # … of which the title differs

    # --- blocks ---------------------------------------------------------------------------------------

    def read(self, file: RatingFile, progress: Progress) -> None:
        """Reads one file."""
        if file.format.kind == PARQUET:
            self._read_frame(file)
            return
        if file.format.kind and file.format.kind != JSON_LINES:
            rows = list(table_of(file.archive, file.member, self.bad, file.format).rows)
            self._add(file, self._of_rows(file, rows))
            return
        total = file.archive.size(file.member)
        first_line = file.format.first_line
        with file.archive.open(file.member) as stream:
            for _ in range(1, first_line):
                stream.readline()
            whole = file.format.is_text and file.format.quoted and file.format.escape is None
            report = lambda done: progress(f"reading {file.member}", min(done, total), total)  # noqa: E731
            source = AnnouncedItems(stream) if file.is_announced else stream
            if isinstance(source, AnnouncedItems):
                self.line_maps[file.place] = source.line_of
            for block in blocks(source, first_line, report, whole_records=whole):
                self._add(file, self._at_once(file, block) or self._row_by_row(file, block))

    def _read_frame(self, file: RatingFile) -> None:
        """Reads a Parquet file."""
        import polars as pl

        names = {role: file.format.header[place] for role, place in file.places.items()}
        frame = parquet_frame(file.archive, file.member, list(dict.fromkeys(names.values())))
        odd = [
            one.name
            for one in frame.get_columns()
            if one.dtype.is_nested() or one.dtype in (pl.Binary, pl.Duration, pl.Time, pl.Object)
        ]
        texts = [pl.Series(name, [as_text(one) for one in frame[name].to_list()], pl.String) for name in odd]
        frame = frame.with_columns(texts)
        for start in range(0, frame.height, _FRAME_ROWS):
            part = frame.slice(start, _FRAME_ROWS)
            found = self._part(file, {role: part[name] for role, name in names.items()}, start + 1)
            if found is None:
                rows = enumerate(part.iter_rows(named=True), start + 1)
                found = self._of_rows(file, list(of_objects(rows, file.format, file.place)))
            self._add(file, found)

    def _add(self, file: RatingFile, part: Part | None) -> None:
        if part is not None and len(part.columns[USER]):
            self.parts.append((file, part))

    def _at_once(self, file: RatingFile, block: Block) -> Part | None:
        """The block's rows by polars; None where a line is not as it should be."""
        if not file.format.is_text or b"\0" in block.data:
            return None
        if codecs.BOM_UTF8 in block.data:  # where files were joined
            block = replace(block, data=block.data.replace(codecs.BOM_UTF8, b""))
        columns = self._typed(file, block) or self._texts(file, block)
        return None if columns is None else self._part(file, columns, block.first_line)

    def _typed(self, file: RatingFile, block: Block) -> dict[str, Series] | None:
        """Columns of numbers, where all ids are plain whole numbers without quotes or zeros before them."""
        import polars as pl

        if b'"' in block.data or file.format.encoding != UTF_8:
            return None
        is_plain = self.rules.whole_ids or self.others >= {USER, ITEM}
        if not is_plain and (has_zeros(block.data, file.format.separator) or b"+" in block.data):
            return None
        types: dict[str, Any] = {USER: pl.Int64, ITEM: pl.Int64, RATING: pl.Float32, WEIGHT: pl.Float32}
        types |= dict.fromkeys(self.others & {USER, ITEM}, pl.String)
        types[TIMESTAMP] = pl.String if self.unit is TimeUnit.DATES else pl.Int64
        columns = parsed(file, block, types)
        ids = [columns[role] for role in (USER, ITEM) if role not in self.others] if columns else []
        return columns if all((one.min() or 0) >= 0 for one in ids) else None  # type: ignore[operator]

    def _texts(self, file: RatingFile, block: Block) -> dict[str, Series] | None:
        """Columns as they stand in the file, without simple quotes."""
        data = unquoted(block.data, file.format) if b'"' in block.data and file.format.quoted else block.data
        if data is not None and file.format.encoding != UTF_8:
            data = data.decode(CP1252, "replace").encode()
        return None if data is None else parsed(file, Block(block.first_line, data), {})

    def _part(self, file: RatingFile, columns: dict[str, Series], first_line: int) -> Part | None:
        """The values of a block's columns; None where one cannot be read."""
        found = self._values(columns)
        roles = self._roles(file)
        is_other = any(_is_there(columns[role]).any() for role in file.roles if role not in roles)
        wrong = self._off_scale(found)
        if any(found[role].null_count() for role in (USER, ITEM)):
            missing = {role: found[role].is_null().to_numpy() for role in roles}
            line_of = self.line_maps.get(file.place, int)
            self._check_ids(columns, missing, wrong, lambda row: line_of(first_line + row))
        if is_other or any(found[role].null_count() for role in roles) or wrong.any():
            return None
        self._take_items(found, columns)
        return Part({role: _narrow(found[role]) for role in roles} | self._own_codes(columns), first_line)

    def _roles(self, file: RatingFile) -> list[str]:
        """What every row must have a value for: empty columns are as if they were not there."""
        return [role for role in file.roles if role in (USER, ITEM) or role not in self.others]

    def _values(self, columns: Mapping[str, Series]) -> dict[str, Series]:
        """What the columns hold, by role; null where a value cannot be read."""
        found = {}
        for role, column in columns.items():
            if role in (USER, ITEM):
                found[role] = (values.text_ids if role in self.others else values.whole_numbers)(column)
            elif role in self.others:
                continue
            elif role == TIMESTAMP:
                self.unit = self.unit or values.time_unit(column)
                found[role] = values.seconds(column, self.unit or TimeUnit.SECONDS)
            elif role in (RATING, WEIGHT):
                found[role] = values.numbers(column)
        return found

    def _off_scale(self, found: Mapping[str, Series]) -> npt.NDArray[np.bool_]:
        """Which ratings the layout's scale does not have, or which weights are below 0."""
        n = len(found[USER])
        wrong = np.zeros(n, np.bool_)
        if WEIGHT in found:
            wrong |= found[WEIGHT].fill_null(0).to_numpy() < 0
        if (scale := self.rules.scale) is not None and RATING in found:
            rating = found[RATING].fill_null(scale.lowest).to_numpy()
            wrong |= (rating < scale.lowest) | (rating > scale.highest)
            if self.rules.step:
                steps = rating / np.float32(self.rules.step)
                wrong |= steps != np.rint(steps)
        return wrong

    def _take_items(self, found: Mapping[str, Series], columns: Mapping[str, Series]) -> None:
        """Keeps what the rows say of their items, the first that is said of each."""
        import polars as pl

        told = {role: columns[role].cast(pl.String).fill_null("") for role in OF_ITEMS if role in columns}
        if told:
            frame = pl.DataFrame({ITEM: found[ITEM].cast(pl.String), **told})
            if TITLE in told:
                counts = frame.group_by(ITEM).agg(n=pl.len(), titles=pl.col(TITLE).n_unique())
                self.n_titled += int((counts["n"] > 1).sum())
                self.n_retitled += int((counts["titles"] > 1).sum())
            if YEAR in told:
                years = frame.group_by(ITEM, maintain_order=True).agg(n=pl.col(YEAR).n_unique())
                several = years.filter(pl.col("n") > 1)[ITEM]
                if len(several):
                    self.warnings.setdefault(
                        YEAR, f"'{several[0]}' stands with several years, and is one item all the same"
                    )
            for one, *texts in frame.unique(ITEM, keep="first").iter_rows():
                by_role = dict(zip(told, texts, strict=True))
                self.of_items.setdefault(one, tuple(by_role.get(role, "") for role in OF_ITEMS))

    def _own_codes(self, columns: Mapping[str, Series]) -> dict[str, _Array]:
        """The codes of the values of columns that mean nothing else; of one with too many there are none."""
        import polars as pl

        found: dict[str, _Array] = {}
        for role in (role for role in columns if role.startswith(OWN)):
            known = self.own.setdefault(role, {})
            if len(known) > MOST_VALUES:
                continue
            texts = values.stripped(columns[role])
            different = texts.drop_nulls().unique(maintain_order=True)
            codes = [known.setdefault(text, len(known)) for text in different.to_list()]
            coded = texts.replace_strict(different, codes, default=GAP, return_dtype=pl.Int32)
            found[role] = coded.fill_null(GAP).to_numpy()
        return found

    # --- rows -----------------------------------------------------------------------------------------

    def _row_by_row(self, file: RatingFile, block: Block) -> Part | None:
        """The block's rows; raises the `DataError` of the first wrong line, or counts it."""
        if file.place not in self.verified:
            file.archive.verify(file.member)  # a damaged member is damaged, not wrong in some line
            self.verified.add(file.place)
        text = decoded(block.data, file.format)
        for warning in encoding_warnings(block.data, file.format, file.place, block.first_line):
            self.warnings.setdefault(file.place, warning)
        if not file.format.is_text:
            lines = json_objects(text.split("\n"), file.place, self.bad, block.first_line)
            return self._of_rows(file, list(of_objects(lines, file.format, file.place)))
        return self._of_rows(file, list(complete(self._records(file, block, text), file.format, self.bad)))

    def _records(self, file: RatingFile, block: Block, text: str) -> Iterable[TextRow]:
        headless = replace(file.format, has_header=False)
        rows = text_records(text, headless, file.place, block.first_line, self.bad)
        line_of = self.line_maps.get(file.place)
        return (replace(row, line=line_of(row.line)) for row in rows) if line_of else rows

    def _of_rows(self, file: RatingFile, rows: Sequence[TextRow]) -> Part | None:
        """The values of rows of texts; those that cannot be read go to `bad`."""
        import polars as pl

        if not rows:
            return None
        columns = {
            role: pl.Series([row.fields[place] for row in rows], dtype=pl.String)
            for role, place in file.places.items()
        }
        found = self._values(columns)
        wrong = self._off_scale(found)
        roles = self._roles(file)
        missing = {role: found[role].is_null().to_numpy() for role in roles}
        self._check_empty(file, rows, columns)
        self._check_ids(columns, missing, wrong, lambda row: rows[row].line)
        is_bad = wrong | np.logical_or.reduce(list(missing.values()))
        for place in np.flatnonzero(is_bad).tolist():
            self.bad.add(rows[place].error(self._problem(file, rows[place], place, missing)))
        kept = np.flatnonzero(~is_bad)
        found = {role: column.gather(kept) for role, column in found.items()}
        columns = {role: column.gather(kept) for role, column in columns.items()}
        self._take_items(found, columns)
        lines = np.array([row.line for row in rows], np.int64)[kept]
        return Part({role: _narrow(found[role]) for role in roles} | self._own_codes(columns), lines)

    def _check_empty(self, file: RatingFile, rows: Sequence[TextRow], columns: Mapping[str, Series]) -> None:
        """Raises an `_OtherKindError` for a column without values, a `DataError` if there is one later."""
        for role in {RATING, TIMESTAMP} & columns.keys():
            is_there = _is_there(columns[role])
            if role in self.others and is_there.any():
                row = rows[int(np.flatnonzero(is_there)[0])]
                text = row.fields[file.places[role]][:80]
                raise row.error(f"the {_NOUNS[role]} is '{text}', but no row before has one")
            if role not in self.others and not self.parts and len(rows) > 1 and not is_there.any():
                name = file.format.header[file.places[role]]
                raise _OtherKindError(role, f"the column {name} is empty, so there are no {_NOUNS[role]}s")

    def _check_ids(
        self,
        columns: Mapping[str, Series],
        missing: Mapping[str, npt.NDArray[np.bool_]],
        wrong: npt.NDArray[np.bool_],
        line_of: Callable[[int], int],
    ) -> None:
        """Raises a `_OtherKindError` where only an id is wrong in a row, and only for being no number."""
        if self.rules.whole_ids:
            return
        others = np.logical_or.reduce([wrong, *(one for role, one in missing.items() if role not in _IDS)])
        for role in _IDS:
            is_text = missing[role] & ~others & _is_there(columns[role])
            if role not in self.others and is_text.any():
                row = int(is_text.argmax())
                text = str(columns[role][row]).strip()[:40]
                why = "is no whole number of 0 or more"
                if text.isdecimal():
                    why = "begins with 0" if text[0] == "0" else "is too large for a number"
                raise _OtherKindError(
                    role, f"the {role} ids are texts, as '{text}' in line {line_of(row):,} {why}"
                )

    def _problem(
        self, file: RatingFile, row: TextRow, place: int, missing: Mapping[str, npt.NDArray[np.bool_]]
    ) -> str:
        """What is wrong with a row."""
        for role in (RATING, TIMESTAMP, WEIGHT, USER, ITEM):
            if role in missing and missing[role][place]:
                text = row.fields[file.places[role]].strip()
                if not text:
                    return f"the {_NOUNS[role]} is missing"
                return f"the {_NOUNS[role]} is '{text[:80]}'; it must be {self._wanted(role)}"
        text = row.fields[file.places.get(RATING, file.places.get(WEIGHT, 0))]
        scale, step = self.rules.scale, self.rules.step
        if scale is None:
            return f"the weight is {text[:80]}; it must be 0 or more"
        steps = f" in steps of {step:g}" if step else ""
        return f"the rating is {text[:80]}; it must be from {scale.lowest:g} to {scale.highest:g}{steps}"

    def _wanted(self, role: str) -> str:
        if role in (USER, ITEM):
            return "a whole number, 0 or more" if self.rules.whole_ids else "an id"
        if role == TIMESTAMP:
            is_date = self.unit is TimeUnit.DATES
            return (
                "a date from 1970 to 9999 such as 2020-03-14 or 2020-03-14 20:15:00"
                if is_date
                else f"in {self.unit} since 1970"
            )
        return "a number such as 3.5"

    # --- the whole ------------------------------------------------------------------------------------

    def joined(self, files: Sequence[RatingFile], whys: Mapping[str, str]) -> RatingRows:
        """All rows so far; empties `parts`."""
        if not self.parts:
            skipped = f" that can be read ({counted(self.bad.n, 'row')} skipped)" if self.bad.n else ""
            raise DataError(f"has no ratings{skipped}", file=files[0].place)
        starts = np.cumsum([0, *(len(part.columns[USER]) for _, part in self.parts)])
        placed, line_maps = [(file.place, part.lines) for file, part in self.parts], self.line_maps

        def line_of(row: int) -> tuple[str, int]:
            which = int(np.searchsorted(starts, row, side="right")) - 1
            place, lines = placed[which]
            offset = row - int(starts[which])
            if not isinstance(lines, int):
                return place, int(lines[offset])
            return place, line_maps.get(place, int)(lines + offset)

        has_parts = any(file.part is not None for file in files)
        parts = [
            np.full(len(part.columns[USER]), file.part or 0, np.int8)
            for file, part in self.parts
            if has_parts
        ]
        by_role = {
            role: [part.columns[role] for _, part in self.parts if role in part.columns] for role in _NOUNS
        }
        n_parts = len(self.parts)
        own_codes = {
            role: [part.columns[role] for _, part in self.parts if role in part.columns] for role in self.own
        }
        self.parts.clear()  # from here on one column at a time is in memory twice, never all of them
        has_reviews = any(_REVIEW_WORDS & set(map(normalised, file.format.header)) for file in files)
        if self.of_items and (2 * self.n_retitled > self.n_titled or (has_reviews and not self.n_titled)):
            self.of_items = {}
            self.warnings[TITLE] = "the titles are not those of the items, as one item has several"
        user_ids, user = _coded(by_role.pop(USER))
        item_ids, item = _coded(by_role.pop(ITEM))
        mostly_whole = {USER: _mostly_whole(user_ids), ITEM: _mostly_whole(item_ids)}
        for role, own in by_role.items():
            if own and len(own) < n_parts:
                self.warnings[role] = f"not every file has a {_NOUNS[role]}, so none is used"
        rest = {role: _joined(own) if len(own) == n_parts else None for role, own in by_role.items()}
        seconds = rest[TIMESTAMP]
        return RatingRows(
            user_ids,
            item_ids,
            user,
            item,
            rest[RATING],
            None if seconds is None else seconds.astype(np.int64, copy=False),
            rest[WEIGHT],
            np.concatenate(parts) if has_parts else None,
            self.unit,
            self.of_items,
            self._own_columns({role: own for role, own in own_codes.items() if len(own) == n_parts}),
            (*self.warnings.values(), *(why for role, why in whys.items() if mostly_whole.get(role, True))),
            line_of,
        )

    def _own_columns(self, codes: Mapping[str, list[_Array]]) -> OwnColumns:
        """Those that every file has, with few enough values."""
        texts = {role: np.array([*self.own[role]], np.object_) for role in codes}
        return tuple(
            OwnColumn(name, "", _joined(own), texts[role], header=name)
            for role, own in codes.items()
            if len(texts[role]) <= MOST_VALUES and (name := role.removeprefix(OWN))
        )


_NOUNS = {
    USER: "user id",
    ITEM: "item id",
    RATING: "rating",
    TIMESTAMP: "timestamp",
    WEIGHT: "weight",
}


def _mostly_whole(ids: Ids) -> bool:
    """Whether most of some texts are numbers, so that the others may be wrong."""
    return 2 * sum(values.is_whole(one) for one in ids.tolist()) > len(ids) if are_texts(ids) else False


def _is_there(column: Series) -> npt.NDArray[np.bool_]:
    return values.stripped(column).is_not_null().to_numpy()


def _narrow(column: Series) -> _Array | Series:
    """As an array, whole numbers in 32 bits where they fit; texts stay as they are, which is smaller."""
    import polars as pl

    if column.dtype == pl.String:
        return column
    array: _Array = column.to_numpy()
    if array.dtype == np.int64 and len(array) and array.max() < 2**31 and array.min() >= 0:
        return array.astype(np.int32)
    return array


def _coded(columns: list[_Array | Series]) -> tuple[Ids, npt.NDArray[np.int32]]:
    """The ids in ascending order, and the place of each row's; empties `columns`."""
    if not isinstance(columns[0], np.ndarray):
        return _coded_texts(columns)
    ids = np.unique(np.concatenate([_distinct(column) for column in columns])).astype(np.int64)
    index = IdIndex(ids)
    for place, column in enumerate(columns):
        columns[place] = index.rows(column)  # type: ignore[arg-type]
    return ids, _joined(columns)


def _distinct(column: Any) -> _Array:
    """The values of a column of whole numbers, each once."""
    highest = int(column.max())
    if highest > 8 * len(column) + 1024:
        return np.unique(column)
    is_there = np.zeros(highest + 1, np.bool_)  # much faster than sorting
    is_there[column] = True
    return np.flatnonzero(is_there)


def _coded_texts(columns: list[Any]) -> tuple[Ids, npt.NDArray[np.int32]]:
    import polars as pl

    texts = pl.concat(columns)
    columns.clear()
    ids = texts.unique().sort()
    codes = texts.replace_strict(ids, np.arange(len(ids), dtype=np.int32), return_dtype=pl.Int32)
    return np.array(ids.to_list(), np.object_), codes.to_numpy()


def _joined(columns: list[Any]) -> _Array:
    joined = np.concatenate(columns)
    columns.clear()
    return joined
