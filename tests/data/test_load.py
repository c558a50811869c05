"""Finding an archive, parsing it, and taking the kept columns the next time."""

import hashlib
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data import column_cache
from movierec_cli.data.dataset import Dataset, IdIndex
from movierec_cli.data.load import load_dataset
from movierec_cli.data.reader import rating_blocks
from movierec_cli.data.reader.text_rows import movie_table, year_of
from movierec_cli.errors import DataError, UsageError
from tests.data.own_archives import MakeArchive, WithLine, load

LAYOUTS = ("100k", "1m", "csv")


def assert_equal_tables(one: Dataset, other: Dataset) -> None:
    for table in ("ratings", "movies", "users"):
        left, right = getattr(one, table), getattr(other, table)
        for name in (field.name for field in fields(left)):
            np.testing.assert_equal(getattr(left, name), getattr(right, name))
            assert type(getattr(left, name)) is type(getattr(right, name))
            if isinstance(getattr(left, name), np.ndarray):
                assert getattr(left, name).dtype == getattr(right, name).dtype


def test_csv_users_are_those_who_rate_ascending_with_no_other_column(archive_csv: Path) -> None:
    users = load(archive_csv).users
    assert users.user_id.tolist() == list(range(1, 13))
    columns = ("bucketized_age", "raw_age", "is_male", "occupation")
    assert [getattr(users, name) for name in columns] == [None] * 4


def test_csv_columns_are_found_by_name_and_quotes_are_read(make_archive: MakeArchive) -> None:
    ratings = b'"note, of mine",timestamp,rating,movieId,userId\n"a, b",9,"4.5",2,"7"\nx,8,1,3,5\n'
    dataset = load(make_archive("csv", replace={"ratings.csv": ratings}))
    assert dataset.users.user_id.tolist() == [5, 7]
    assert dataset.ratings.user_index.tolist() == [1, 0]
    assert dataset.ratings.rating.tolist() == [4.5, 1.0]
    assert dataset.ratings.timestamp.tolist() == [9, 8]
    assert dataset.movies.title[0] == 'Film, The "1" é (1981)'


def test_ids_too_large_for_a_table_are_found(make_archive: MakeArchive) -> None:
    movies = b"movieId,title,genres\n9000000000000,B (2000),Drama\n7,A,Comedy\n"
    ratings = b"userId,movieId,rating,timestamp\n8000000000000,7,3,0\n1,9000000000000,4,1\n"
    dataset = load(make_archive("csv", replace={"movies.csv": movies, "ratings.csv": ratings}))
    assert dataset.users.user_id.tolist() == [1, 8000000000000]
    assert dataset.ratings.movie_index.tolist() == [1, 0]
    assert dataset.movies.year.tolist() == [2000, 0]


@pytest.mark.parametrize("block_bytes", [1, 7, 100])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_blocks_of_any_size_give_the_same_columns(
    layout: str, block_bytes: int, make_archive: MakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(make_archive(layout))
    monkeypatch.setattr(rating_blocks, "_BLOCK_BYTES", block_bytes)
    assert_equal_tables(load(make_archive(layout, name="again")), whole)


def test_a_wrong_line_in_a_later_block_keeps_its_number(
    with_line: WithLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating_blocks, "_BLOCK_BYTES", 200)
    with pytest.raises(DataError, match=r"ratings\.dat, line 71: the rating is 'x'"):
        load(with_line("1m", "ratings.dat", 71, b"1::2::x::4"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_with_or_without_inner_folder_equals_the_zip(layout: str, make_archive: MakeArchive) -> None:
    zipped = load(make_archive(layout))
    bare = load(make_archive(layout, name="bare", folder=True, inner=""))
    nested = load(make_archive(layout, name="nested", folder=True))
    assert_equal_tables(zipped, bare)
    assert_equal_tables(zipped, nested)
    assert bare.fingerprint == nested.fingerprint != zipped.fingerprint


@pytest.mark.parametrize(
    ("layout", "stem", "name"),
    [("100k", "x", "100k"), ("1m", "x", "1m"), ("csv", "mine", "mine"), ("csv", "ml-25m", "25m")],
)
def test_an_own_archive_is_named_after_what_it_is(
    layout: str, stem: str, name: str, make_archive: MakeArchive
) -> None:
    path = make_archive(layout, name=stem)
    dataset = load(path)
    assert dataset.name == name
    assert dataset.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    assert any("is not the published" in warning for warning in dataset.warnings) == (name != "mine")


@pytest.mark.parametrize("folder", [False, True])
def test_an_archive_dropped_into_the_datasets_folder_is_used(
    folder: bool, make_archive: MakeArchive, tmp_path: Path
) -> None:
    make_archive("csv", name="ml-20m", folder=folder, directory=tmp_path / "ds")
    dataset = load_dataset(DataConfig(dataset="20m", datasets_dir=tmp_path / "ds"))
    assert (dataset.name, dataset.description) == ("20m", "MovieLens 20M")
    assert len(dataset.warnings) == (0 if folder else 1)


def test_another_layout_under_a_published_name_and_an_unknown_name_are_refused(
    make_archive: MakeArchive, tmp_path: Path
) -> None:
    make_archive("100k", name="ml-1m", directory=tmp_path / "ds")
    with pytest.raises(DataError, match="has the 100K layout, but MovieLens 1M has the 1M layout"):
        load_dataset(DataConfig(dataset="1m", datasets_dir=tmp_path / "ds"))
    with pytest.raises(UsageError, match="unknown data set '2m'; known are 1m, 100k, 10m, latest-small"):
        load_dataset(DataConfig(dataset="2m"))


def test_the_sample_needs_no_folder(tmp_path: Path) -> None:
    dataset = load_dataset(DataConfig(dataset="sample", datasets_dir=tmp_path / "ds"))
    assert "simulated" in dataset.description
    assert not (tmp_path / "ds").exists()


def test_progress_ends_at_the_whole(archive_1m: Path, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    config = DataConfig(archive=archive_1m, datasets_dir=tmp_path / "ds")
    load_dataset(config, progress=lambda *call: calls.append(call))
    message, done, total = calls[-1]
    assert (message, done) == ("reading ratings.dat", total)
    assert total > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kept_columns_equal_parsed_ones_without_parsing_until_there_is_another_parser(
    layout: str, make_archive: MakeArchive, parsed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_archive(layout)
    first, kept = load(path), load(path)
    assert parsed == [path]
    assert_equal_tables(first, kept)
    assert (first.fingerprint, first.warnings, first.name) == (kept.fingerprint, kept.warnings, kept.name)
    monkeypatch.setattr(column_cache, "PARSER_VERSION", column_cache.PARSER_VERSION + 1)
    assert_equal_tables(load(path), kept)
    assert parsed == [path] * 2


@pytest.mark.parametrize("folder", [False, True])
def test_a_changed_archive_is_parsed_anew_and_has_another_fingerprint(
    folder: bool, make_archive: MakeArchive
) -> None:
    before = load(make_archive("1m", folder=folder))
    after = load(make_archive("1m", folder=folder, replace={"ratings.dat": b"1::1::5::0\n"}))
    assert (len(before.ratings), len(after.ratings)) == (96, 1)
    assert before.fingerprint != after.fingerprint


def test_damaged_kept_columns_are_made_anew_with_a_warning(archive_1m: Path) -> None:
    whole = load(archive_1m)
    [file] = archive_1m.parent.glob("ds/.columns/*.npz")
    content = file.read_bytes()
    damages = [content[:length] for length in range(0, len(content), 911)]
    for at in range(0, len(content), 617):
        damages.append(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
    n_warned = 0
    for damaged in damages:
        file.write_bytes(damaged)
        dataset = load(archive_1m)
        assert_equal_tables(dataset, whole)
        n_warned += any("damaged and were made anew" in warning for warning in dataset.warnings)
    assert n_warned > len(damages) / 2


def test_kept_columns_that_point_outside_their_table_are_not_trusted(archive_1m: Path) -> None:
    whole = load(archive_1m)
    [file] = archive_1m.parent.glob("ds/.columns/*.npz")
    with np.load(file) as stored:
        arrays = dict(stored)
    for name, value in (("ratings/user_index", 10_000), ("ratings/movie_index", -1)):
        column = arrays[f"columns/{name}"]
        np.savez(file, **(arrays | {f"columns/{name}": np.full_like(column, value)}))
        again = load(archive_1m)
        assert_equal_tables(again, whole)
        assert any(f"made anew: {file}: {name} points outside its table" in told for told in again.warnings)
    header = arrays["header"].tobytes().replace(b'"n_users": 12', b'"n_users": 11')
    np.savez(file, **(arrays | {"header": np.frombuffer(header, dtype=np.uint8)}))
    assert any("the header tells of 11 rows" in told for told in load(archive_1m).warnings)
    np.savez(file, header=np.frombuffer(json.dumps([1]).encode(), dtype=np.uint8))
    assert_equal_tables(load(archive_1m), whole)


def test_columns_that_cannot_be_kept_are_a_warning(archive_1m: Path) -> None:
    (archive_1m.parent / "ds").write_text("a file where the folder should be")
    dataset = load(archive_1m)
    assert any("could not be kept" in warning for warning in dataset.warnings)
    assert len(dataset.ratings) == 96


def test_two_archives_of_one_name_do_not_share_columns(make_archive: MakeArchive, tmp_path: Path) -> None:
    movies = b"movieId,title,genres\n" + b"".join(b"%d,T,Drama\n" % movie for movie in range(1, 16))
    one = make_archive("csv", name="mine", directory=tmp_path / "a")
    other = make_archive("csv", name="mine", directory=tmp_path / "b", replace={"movies.csv": movies})
    loaded = [load_dataset(DataConfig(archive=p, datasets_dir=tmp_path)) for p in (one, other, one, other)]
    assert [len(dataset.movies.genre_names) for dataset in loaded] == [3, 1, 3, 1]


def test_loading_kept_columns_imports_neither_polars_nor_tensorflow(archive_1m: Path) -> None:
    load(archive_1m)
    program = (
        "import sys; from pathlib import Path; from tests.data.own_archives import load;"
        f"load(Path({str(archive_1m)!r}));"
        "sys.exit(' '.join({'polars', 'tensorflow', 'tensorflow_datasets'} & set(sys.modules)) or None)"
    )
    command, root = [sys.executable, "-c", program], Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Toy Story (1995)", 1995),
        ("Land Before Time III: The Time of the Great Giving (1995) (V)", 1995),
        ("2001: A Space Odyssey (1968)", 1968),
        ("(500) Days of Summer (2009)", 2009),
        ("Nineteen (1984) Eighty (1956)", 1956),
        ("Death Note (2006–2007)", 2006),
        ("Fawlty Towers (1975-1979)", 1975),
        ("Nine Lives (2003- )", 2003),
        ("unknown", 0),
        ("Babylon 5", 0),
        ("Movie (95)", 0),
    ],
)
def test_the_year_is_the_last_one_in_parentheses(title: str, year: int) -> None:
    assert year_of(title) == year


def test_genres_keep_tfds_order_and_unknown_ones_follow() -> None:
    rows = [["Western", "Zany"], [], ["Action", "Art"]]
    movies = movie_table(((n, "T", genres) for n, genres in enumerate(rows)), "movies.csv")
    assert movies.genre_names == ("Action", "Western", "Art", "Zany")
    assert movies.genres.astype(int).tolist() == [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]


@pytest.mark.parametrize("largest", [40, 10**12])
def test_id_lookup_equals_a_dictionary(largest: int) -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(np.append(np.arange(0, 40, 2), largest)).astype(np.int64)
    wanted = np.append(rng.integers(-5, 50, size=200), largest)
    row = {int(value): index for index, value in enumerate(ids)}
    assert IdIndex(ids).rows(wanted).tolist() == [row.get(int(value), -1) for value in wanted]
