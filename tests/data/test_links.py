"""links.csv: each movie's id at IMDb, where an archive of the CSV layout has it."""

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.datasets_folder import describe_source, import_archive
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split_data import restrict
from movierec_cli.errors import DataError
from tests.data.own_archives import MakeArchive, Members, load

# Movie 4 has no row, movie 3 an empty id, and the data set has no movie 99.
LINKS = (
    b"movieId,imdbId,tmdbId\r\n1,0114709,862\r\n99,0000001,\r\n"
    b"3,,31357\r\n2,11497,8844\r\n15,10872600,634649\r\n"
)
NUMBERS = [114709, 11497, *[0] * 12, 10872600]


def numbers_of(path: Path) -> list[int] | None:
    numbers = load(path).movies.imdb_number
    assert numbers is None or numbers.dtype == np.int64
    return None if numbers is None else numbers.tolist()


@pytest.mark.parametrize("inner", ["", "ml-25m"])
@pytest.mark.parametrize("folder", [False, True])
def test_ids_stand_in_the_movies_order_with_0_for_those_without_also_when_kept(
    folder: bool, inner: str, make_archive: MakeArchive, parsed: list[Path]
) -> None:
    path = make_archive("csv", replace={"links.csv": LINKS}, folder=folder, inner=inner)
    assert [numbers_of(path), numbers_of(path)] == [NUMBERS, NUMBERS]
    assert parsed == [path]


def test_numbers_at_tmdb_come_with_them_where_links_have_a_column_of_these(make_archive: MakeArchive) -> None:
    movies = load(make_archive("csv", replace={"links.csv": LINKS})).movies
    assert movies.tmdb_number is not None
    assert movies.tmdb_number.tolist() == [862, 8844, 31357, *[0] * 11, 634649]
    without = b"movieId,imdbId\n1,0114709\n"
    assert load(make_archive("csv", replace={"links.csv": without})).movies.tmdb_number is None


@pytest.mark.parametrize("layout", ["100k", "1m", "csv"])
@pytest.mark.parametrize("folder", [False, True])
def test_without_links_there_is_no_column_and_none_is_kept(
    folder: bool, layout: str, make_archive: MakeArchive, parsed: list[Path]
) -> None:
    path = make_archive(layout, folder=folder)
    assert [numbers_of(path), numbers_of(path)] == [None, None]
    assert parsed == [path]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (2, b"1,tt0114709,862"),
        (3, b"99, ,"),
        (3, b",1,"),
        (4, b"3,,31357\n1,5,6"),
        (1, b"Movie ID,imdb,tmdbId"),
        (1, b"\xef\xbb\xbf\nmovieId,imdbId,tmdbId"),
    ],
)
def test_other_ways_of_writing_links_say_the_same(line: int, text: bytes, make_archive: MakeArchive) -> None:
    lines = LINKS.splitlines()
    lines[line - 1] = text
    assert numbers_of(make_archive("csv", replace={"links.csv": b"\n".join(lines)})) == NUMBERS


def test_ids_equal_those_of_another_reader(make_archive: MakeArchive) -> None:
    rng = np.random.default_rng(0)
    ids = [f"{number:07d}" if number % 5 else "" for number in rng.integers(1, 10**8, size=18)]
    rows = [f"{movie},{imdb}," for movie, imdb in zip(rng.permutation(20)[:18], ids, strict=True)]
    text = "\n".join(["movieId,imdbId,tmdbId", *rows])
    table = {int(row["movieId"]): row["imdbId"] for row in csv.DictReader(io.StringIO(text))}
    expected = [int(table.get(movie) or 0) for movie in range(1, 16)]
    assert sum(number > 0 for number in expected) >= 4
    assert numbers_of(make_archive("csv", replace={"links.csv": text.encode()})) == expected


# (line from 1, what takes its place, words of the message)
WRONG_LINES = [
    (2, b"1,nm0114709,862", "imdbId is 'nm0114709'; it must be a number such as 0114709 or tt0114709"),
    (3, b"99", "1 fields, needs 3"),
    (5, b'1,"5,6', "no well-formed CSV"),
]


@pytest.mark.parametrize(("line", "text", "words"), WRONG_LINES)
def test_a_wrong_line_is_named_with_its_file_and_number(
    line: int, text: bytes, words: str, make_archive: MakeArchive
) -> None:
    lines = LINKS.splitlines()
    lines[line - 1] = text
    path = make_archive("csv", replace={"links.csv": b"\n".join(lines)})
    with pytest.raises(DataError) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(caught.value.file).endswith("links.csv")
    assert caught.value.line == line
    assert not list(path.parent.glob("ds/**/*.npz"))


def test_a_folders_links_added_changed_and_removed_are_noticed(
    make_archive: MakeArchive, parsed: list[Path]
) -> None:
    path = make_archive("csv", folder=True, inner="")
    links, fingerprints = path / "links.csv", {load(path).fingerprint}
    changed = LINKS.replace(b"114709", b"214709")  # the same size, and maybe the same tick of the clock
    for content, first in ((LINKS, 114709), (changed, 214709), (None, None)):
        if content is None:
            links.unlink()
        else:
            links.write_bytes(content)
            os.utime(links, ns=(first, first))
        dataset = load(path)
        numbers = dataset.movies.imdb_number
        assert (None if numbers is None else numbers[0]) == first
        fingerprints.add(dataset.fingerprint)
    assert parsed == [path] * 4
    assert len(fingerprints) == 1


def test_links_beside_another_layout_or_outside_its_folder_are_not_read_nor_a_data_set(
    make_archive: MakeArchive,
) -> None:
    assert numbers_of(make_archive("1m", replace={"links.csv": b"no links"})) is None
    path = make_archive("csv", folder=True)
    (path / "links.csv").write_bytes(b"no links")
    assert numbers_of(path) is None
    alone = make_archive("csv", replace={"ratings.csv": None, "movies.csv": None, "links.csv": LINKS})
    with pytest.raises(DataError, match="has no table"):
        load(alone)


def test_an_imported_folder_brings_its_links(make_archive: MakeArchive, tmp_path: Path) -> None:
    folder = make_archive("csv", name="ml-20m", folder=True, inner="", replace={"links.csv": LINKS})
    stored = import_archive(folder, tmp_path / "ds")
    with zipfile.ZipFile(stored.path) as zipped:
        assert zipped.read("ml-20m/links.csv") == LINKS
    for file in tmp_path.glob("ds/.columns/*"):
        file.unlink()
    assert numbers_of(stored.path) == NUMBERS


def test_info_finds_a_folders_kept_columns_and_counts_the_links_bytes(
    make_archive: MakeArchive, members: Members, tmp_path: Path
) -> None:
    make_archive("csv", name="ml-20m", folder=True, directory=tmp_path / "ds", replace={"links.csv": LINKS})
    load_dataset(DataConfig(dataset="20m", datasets_dir=tmp_path / "ds"))
    info = describe_source("20m", tmp_path / "ds")
    assert info.n_ratings == 96
    assert info.size_bytes == len(LINKS) + sum(map(len, members("csv").values()))


def test_restricting_takes_the_ids_of_the_movies_that_stay(make_archive: MakeArchive) -> None:
    ratings = b"userId,movieId,rating,timestamp\n1,15,5,1\n1,2,4,2\n2,15,3,3\n2,2,3,4\n2,1,3,5\n"
    dataset = load(make_archive("csv", replace={"links.csv": LINKS, "ratings.csv": ratings}))
    movies = restrict(dataset, min_rating=0, k_core=2).movies
    assert movies.imdb_number is not None
    assert dict(zip(movies.movie_id.tolist(), movies.imdb_number.tolist(), strict=True)) == {
        2: 11497,
        15: 10872600,
    }
