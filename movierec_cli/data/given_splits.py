"""Splits that an archive publishes beside its ratings, such as u1.base and u1.test of MovieLens 100K."""

import zipfile
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.config import SplitKind
from movierec_cli.data.dataset import TEST, TRAIN, UNKNOWN_ROW, Dataset, IdIndex
from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.errors import DataError, MovierecError


def with_published_split(dataset: Dataset, kind: SplitKind) -> Dataset:
    """The data set with `Ratings.part` as the members KIND.base and KIND.test of its archive say.

    Every rating of the data set is in exactly one of them: pairs of a user and a movie are compared.

    Raises:
        MovierecError: the data set was read from no archive with these members.
        DataError: they cannot be read, or have other ratings than the data set.
    """
    members = (f"{kind}.base", f"{kind}.test")
    place = dataset.archive
    is_container = place is not None and (place.is_dir() or zipfile.is_zipfile(place))
    archive = open_archive(place).at_members(members) if place and is_container else None
    if archive is None or archive.share_of(members) < 1:
        raise MovierecError(
            f"--split {kind} is one of MovieLens 100K's own splits, and {dataset.name} has no {members[0]}"
            f" and {members[1]}; use --split {SplitKind.RANDOM}"
        )
    ratings = dataset.ratings
    own = ratings.user_index.astype(np.int64) * len(dataset.movies) + ratings.movie_index  # [n_ratings]
    order = np.argsort(own, kind="stable")
    keys = [_keys(archive, member, dataset) for member in members]
    found = np.concatenate(keys)  # [n_rows]
    by_key = np.argsort(found, kind="stable")
    if not np.array_equal(found[by_key], own[order]):
        raise DataError(
            f"{members[0]} and {members[1]} have {len(found):,} ratings, and the data set has {len(own):,}:"
            " they are not the same pairs of user and movie; use the archive as it was published, without"
            f" --merge_duplicates, or --split {SplitKind.RANDOM}",
            file=archive.path,
        )
    part = np.empty(len(own), np.int8)
    part[order] = np.repeat([TRAIN, TEST], [len(one) for one in keys])[by_key]
    return replace(dataset, ratings=replace(ratings, part=part))


def _keys(archive: Archive, member: str, dataset: Dataset) -> npt.NDArray[np.int64]:
    """A number for each row's pair of a user and a movie, negative where one is unknown: [n_rows]."""
    try:
        rows = np.array(archive.read(member).split(), np.int64).reshape(-1, 4)
    except ValueError as error:
        raise DataError(
            f"is no table of user, movie, rating and time with tabs ({error})", file=archive.place(member)
        ) from error
    users, movies = dataset.users.user_id, dataset.movies.movie_id
    user, movie = IdIndex(users).rows(rows[:, 0]), IdIndex(movies).rows(rows[:, 1])
    is_known = (user != UNKNOWN_ROW) & (movie != UNKNOWN_ROW)
    return np.where(is_known, user.astype(np.int64) * len(movies) + movie, UNKNOWN_ROW)
