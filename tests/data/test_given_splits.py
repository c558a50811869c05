"""The splits in MovieLens 100K's archive, on a small archive of that layout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import SplitConfig, SplitKind
from movierec_cli.data.dataset import TEST, TRAIN, Dataset
from movierec_cli.data.given_splits import with_published_split
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import DataError, MovierecError
from tests.data.own_archives import MakeArchive, Members, load

Parts = dict[str, bytes]


@pytest.fixture
def parts(members: Members) -> Parts:
    """u1.base and u1.test as GroupLens makes them: the first quarter of u.data is test, both are sorted."""
    lines = members("100k")["u.data"].splitlines(keepends=True)
    return {"u1.base": b"".join(sorted(lines[24:])), "u1.test": b"".join(sorted(lines[:24]))}


def loaded(archive: Path) -> Dataset:
    return replace(load(archive), archive=archive)


@pytest.mark.parametrize("folder", [False, True])
def test_the_members_say_which_ratings_are_test(
    make_archive: MakeArchive, parts: Parts, folder: bool
) -> None:
    dataset = loaded(make_archive("100k", replace=parts, folder=folder))
    part = with_published_split(dataset, SplitKind.U1).ratings.part
    assert part is not None and part.tolist() == [TEST] * 24 + [TRAIN] * 72
    data = split_data(dataset, SplitConfig(kind=SplitKind.U1, validation_fraction=0.25))
    assert data.split.test.tolist() == list(range(24))
    assert [len(data.split.train), len(data.split.validation)] == [54, 18]
    kept = split_data(dataset, SplitConfig(kind=SplitKind.U1, min_rating=3))
    ratings = dataset.ratings
    np.testing.assert_array_equal(
        kept.dataset.ratings.movie_index[kept.split.test],
        ratings.movie_index[:24][ratings.rating[:24] >= 3],
    )


def test_a_data_set_without_the_members_is_refused_by_name(make_archive: MakeArchive, parts: Parts) -> None:
    archive = make_archive("100k", replace=parts)
    for dataset, kind in (
        (loaded(archive), SplitKind.U2),
        (load(archive), SplitKind.U1),
        (loaded(make_archive("csv")), SplitKind.U1),
        (replace(loaded(archive), archive=Path(__file__)), SplitKind.U1),
    ):
        with pytest.raises(MovierecError, match=f"{dataset.name} has no {kind}.base and {kind}.test; use"):
            split_data(dataset, SplitConfig(kind=kind))


@pytest.mark.parametrize(
    ("member", "text", "message"),
    [
        ("u1.test", b"", "u1.base and u1.test have 72 ratings, and the data set has 96"),
        ("u1.test", b"1\t2\t3\n", "u1.test: is no table of user, movie, rating and time"),
        ("u1.test", b"1\tx\t3\t4\n", "u1.test: is no table of user, movie, rating and time"),
        ("u1.base", None, "100k has no u1.base and u1.test"),
    ],
)
def test_members_that_do_not_fit_the_ratings_are_refused(
    make_archive: MakeArchive, parts: Parts, member: str, text: bytes | None, message: str
) -> None:
    dataset = loaded(make_archive("100k", replace={**parts, member: text}))
    with pytest.raises(MovierecError, match=message):
        with_published_split(dataset, SplitKind.U1)


def test_another_pair_of_user_and_movie_is_refused(make_archive: MakeArchive, parts: Parts) -> None:
    swapped = parts["u1.test"].replace(b"1\t", b"99\t", 1)
    with pytest.raises(DataError, match="not the same pairs of user and movie"):
        with_published_split(
            loaded(make_archive("100k", replace={**parts, "u1.test": swapped})), SplitKind.U1
        )
