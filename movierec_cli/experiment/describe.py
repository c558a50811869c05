"""What would be read of files: their tables and columns, what is in them, and what a model could see."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import PurePath

import numpy as np

from movierec_cli.config import FEATURES, DataConfig, Feature, FeatureSet, Side
from movierec_cli.config.command_options import command_of
from movierec_cli.config.entry_points import EntryKind, usable
from movierec_cli.config.settings import Reading
from movierec_cli.config.train_options import OPTIONS, options_of
from movierec_cli.data.dataset import TEST, TRAIN, UNKNOWN_YEAR, VALIDATION, Dataset, Ids, are_texts
from movierec_cli.data.duplicates import duplicates_of
from movierec_cli.data.load import load_dataset
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.recognise import recognise
from movierec_cli.models.column_encodings import shown_column
from movierec_cli.models.feature_encodings import told_sets
from movierec_cli.records import dataclass
from movierec_cli.text import counted, with_article


@dataclass(frozen=True)
class DescribedFile:
    """A file that is read."""

    table: str  # "ratings", "items", "users" or "links"
    name: str
    format: str  # "comma, UTF-8"
    columns: Mapping[str, str]  # the names of those that are read, by what they mean
    own: tuple[str, ...]  # the names of those that are features of their own
    others: tuple[str, ...]  # the names of those that are not read
    part: str = ""  # of a split that came with the data


@dataclass(frozen=True)
class DescribedFeature:
    """A feature, and what the data say of it."""

    name: str
    is_there: bool
    details: str


@dataclass(frozen=True)
class Description:
    """What `movierec data describe` tells."""

    name: str
    layout: str
    noun: str  # what the items are called
    files: tuple[DescribedFile, ...]
    left_out: tuple[str, ...]  # other tables of ratings
    n_ratings: int
    n_items: int
    n_users: int
    item_ids: str  # "whole numbers" or "texts"
    user_ids: str
    first_day: str | None  # ISO 8601, UTC; None where there are no times
    last_day: str | None
    lowest_rating: float | None  # of the scale; None where there are no ratings
    highest_rating: float | None
    n_events: float | None  # where events are counted
    n_of_parts: Mapping[str, int]  # ratings of each part of a split that came with the data
    n_duplicates: int  # items that have another one's title and year
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    features: tuple[DescribedFeature, ...]
    command: str  # to train


def describe_data(config: DataConfig, progress: Progress = unreported) -> Description:
    """Reads `config.archive` as a training would, and says what was understood.

    Raises:
        DataError: it cannot be read.
        UsageError: an option names a column that is not there.
    """
    assert config.archive is not None
    files = recognise(config.archive, config.reading)
    dataset = load_dataset(config, progress=progress)
    ratings, movies = dataset.ratings, dataset.movies
    times = [ratings.timestamp.min(), ratings.timestamp.max()] if ratings.has_times else [None, None]
    first, last = (None if one is None else _day(int(one)) for one in times)
    brought, problems = usable(EntryKind.FEATURE, Feature)
    names = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
    parts = (
        {} if ratings.part is None else dict(zip(*np.unique(ratings.part, return_counts=True), strict=True))
    )
    return Description(
        name=dataset.name,
        layout=str(files.layout.kind),
        noun=dataset.noun,
        files=tuple(
            DescribedFile(
                one.table,
                PurePath(one.member).name,
                one.format.label,
                columns := files.columns_of(one),
                own := _own_headers(dataset, one.table),
                tuple(name for name in one.format.header if name not in (*columns.values(), *own)),
                "" if one.part is None else names[one.part],
            )
            for one in files.tables
        ),
        left_out=files.others,
        n_ratings=len(ratings),
        n_items=len(movies),
        n_users=len(dataset.users),
        item_ids=_kind_of_ids(movies.movie_id),
        user_ids=_kind_of_ids(dataset.users.user_id),
        first_day=first,
        last_day=last,
        lowest_rating=None if ratings.scale is None else float(ratings.scale.lowest),
        highest_rating=None if ratings.scale is None else float(ratings.scale.highest),
        n_events=None if ratings.n_events is None else float(ratings.n_events.sum(dtype=np.float64)),
        n_of_parts={names[int(part)]: int(n) for part, n in parts.items()},
        n_duplicates=int((duplicates_of(movies).first != np.arange(len(movies))).sum()),
        notes=dataset.notes,
        warnings=(*dataset.warnings, *problems),
        features=(
            *(_described(dataset, feature) for feature in FEATURES.values()),
            *(_described(dataset, one.entry) for name, one in brought.items() if name not in FEATURES),
            *(_described_own(dataset, *own) for own in dataset.own.values()),
        ),
        command=_command(config),
    )


def _day(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


def _kind_of_ids(ids: Ids) -> str:
    return "texts" if are_texts(ids) else "whole numbers"


def _described(dataset: Dataset, feature: Feature) -> DescribedFeature:
    _, why_not = told_sets(dataset, (FeatureSet((feature,)),))
    if why_not:
        return DescribedFeature(feature, False, why_not.removeprefix(f"{feature} (").removesuffix(")"))
    details = _DETAILS.get(feature.column)
    feature_help = feature.help.replace("a movie", with_article(dataset.noun)).replace("movie", dataset.noun)
    return DescribedFeature(feature, True, details(dataset) if details else feature_help)


def _own_headers(dataset: Dataset, table: str) -> tuple[str, ...]:
    tables = {"ratings": dataset.ratings.own, "items": dataset.movies.own, "users": dataset.users.own}
    return tuple(column.header for column in tables.get(table, ()) if column.header)


def _described_own(dataset: Dataset, side: Side, column: OwnColumn) -> DescribedFeature:
    owners = {Side.MOVIE: dataset.noun, Side.USER: "user", Side.CONTEXT: "rating"}
    return DescribedFeature(column.name, True, shown_column(column, owners[side]))


def _genres(dataset: Dataset) -> str:
    genres, movies = dataset.movies.genre_names, counted(len(dataset.movies), dataset.noun)
    n_with = int(dataset.movies.genres.any(axis=1).sum())
    shown = ", ".join(genres[:3]) + (" …" if len(genres) > 3 else "")
    return f"{counted(len(genres), 'genre')} ({shown}); {n_with:,} of {movies} have one"


def _years(dataset: Dataset) -> str:
    known = dataset.movies.year[dataset.movies.year != UNKNOWN_YEAR]
    movies = counted(len(dataset.movies), dataset.noun)
    return f"{known.min()} to {known.max()}; {len(known):,} of {movies} have one"


def _ages(dataset: Dataset) -> str:
    ages = dataset.users.bucketized_age
    return "" if ages is None else f"age groups from {np.nanmin(ages):g} to {np.nanmax(ages):g}"


_DETAILS: Mapping[str, Callable[[Dataset], str]] = {
    "movies.genres": _genres,
    "movies.year": _years,
    "movies.title": lambda dataset: f"such as '{dataset.movies.title[0]}'",
    "users.bucketized_age": _ages,
    "users.occupation": lambda dataset: counted(len(dataset.users.occupation_names), "occupation"),
}
"""By the column that a feature sees."""


def _command(config: DataConfig) -> str:
    """The command that trains on what was described."""
    asked = {one.name: getattr(config, one.field) for one in options_of(Reading).values()}
    given = {name: value for name, value in asked.items() if value != OPTIONS[name].default}
    return command_of({"archive": config.archive} | given)
