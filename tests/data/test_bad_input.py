"""Bad archives end in a `DataError` with file and line, never in another exception."""

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movierec_cli.config.settings import Orphans, Repeats
from movierec_cli.errors import DataError, MovierecError
from tests.data.own_archives import MakeArchive, Members, WithLine, load

RATINGS = {"100k": "u.data", "1m": "ratings.dat", "csv": "ratings.csv"}


# (layout, member, line from 1, what takes its place, words of the message)
WRONG_LINES = [
    ("1m", "ratings.dat", 3, b"1::2::3", "3 fields, needs 4"),
    ("1m", "ratings.dat", 3, b"1::2::3::4::5", "5 fields, needs 4"),
    ("1m", "ratings.dat", 3, b"1\t2\t3\t4", "1 fields, needs 4"),
    ("1m", "ratings.dat", 96, b"x::2::3::4", "user id is 'x'"),
    ("1m", "ratings.dat", 2, b"1::2::good::4", "rating is 'good'"),
    ("1m", "ratings.dat", 2, b"1::2::3::soon", "timestamp is 'soon'"),
    ("1m", "ratings.dat", 2, b"1::2::3::1600000000000", "must be in seconds"),
    ("1m", "ratings.dat", 2, b"1::2::6::4", "rating is 6; it must be from 1 to 5"),
    ("1m", "ratings.dat", 2, b"1::2::0::4", "rating is 0"),
    ("1m", "ratings.dat", 2, b"1::2::3.5::4", "in steps of 1"),
    ("1m", "ratings.dat", 2, b"1::2::nan::4", "rating is 'nan'"),
    ("1m", "ratings.dat", 2, b"99::2::3::4", "user 99 rates but"),
    ("1m", "movies.dat", 2, b"2::Film (1990)", "2 fields, needs 3"),
    ("1m", "movies.dat", 2, b"two::Film (1990)::Drama", "movie id is 'two'"),
    ("1m", "movies.dat", 4, b"2::Film (1990)::Drama", "movie 2 comes a second time; the first is in line 2"),
    ("1m", "users.dat", 4, b"2::M::25::1::12345", "user 2 comes a second time"),
    ("1m", "users.dat", 4, b"4::X::25::1::12345", "gender is 'X'"),
    ("1m", "users.dat", 4, b"4::M::25::21::12345", "occupation is 21"),
    ("1m", "users.dat", 4, b"4::M::old::1::12345", "age is 'old'"),
    ("100k", "u.data", 3, b"1 2 3 4", "1 fields, needs 4"),
    ("100k", "u.data", 3, b"1\t2\t5.5\t4", "rating is 5.5"),
    ("100k", "u.item", 3, b"3|Film|x||y|1", "6 fields, needs 24"),
    ("100k", "u.item", 3, b"3|Film|x||y" + b"|2" * 19, "genre Unknown is '2'"),
    ("100k", "u.user", 3, b"3|20|M|astronaut|1", "occupation is 'astronaut'"),
    ("csv", "ratings.csv", 3, b"1,2,3", "3 fields, needs 4"),
    ("csv", "ratings.csv", 3, b"1,2,good,4", "rating is 'good'; it must be a number"),
    ("csv", "ratings.csv", 3, b",2,3,4", "user id is missing"),
    ("csv", "ratings.csv", 3, b"1,2,3,-4", "timestamp is '-4'; it must be in seconds"),
    ("csv", "movies.csv", 3, b"2,Film", "2 fields, needs 3"),
    ("csv", "movies.csv", 16, b'15,"Film,Drama', "no well-formed CSV"),
]


@pytest.mark.parametrize(("layout", "member", "line", "text", "words"), WRONG_LINES)
def test_a_wrong_line_is_named_with_its_file_and_number(
    layout: str, member: str, line: int, text: bytes, words: str, with_line: WithLine
) -> None:
    path = with_line(layout, member, line, text)
    with pytest.raises(DataError) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(caught.value.file).endswith(member)
    assert caught.value.line == line
    assert not list(path.parent.glob("ds/**/*.npz"))


@pytest.mark.parametrize("layout", RATINGS)
def test_a_second_rating_of_a_movie_by_a_user_counts_or_is_refused_with_both_lines(
    layout: str, make_archive: MakeArchive, members: Members
) -> None:
    lines = members(layout)[RATINGS[layout]].split(b"\n")
    path = make_archive(layout, replace={RATINGS[layout]: b"\n".join([*lines[:40], lines[7], *lines[40:]])})
    dataset, plain = load(path), load(make_archive(layout, name="plain"))
    assert len(dataset.ratings) == len(plain.ratings)
    assert any(
        "1 row repeats a user and an item of 1 pair; the last of each counts" in n for n in dataset.notes
    )
    with pytest.raises(DataError, match="a second time; the first is in line 8") as caught:
        load(path, repeats=Repeats.ERROR)
    assert caught.value.line == 41


# (what takes the place of line 3 of the ratings, the stars that it then has)
OTHER_LINES = [("1m", b"3::1.0::3::4", 3), ("1m", b"3::1::3::4\n\n", 3), ("csv", b"3,1,3.3,4", 3.3)]


@pytest.mark.parametrize(("layout", "text", "stars"), OTHER_LINES)
def test_a_line_written_otherwise_is_read(
    layout: str, text: bytes, stars: float, with_line: WithLine
) -> None:
    dataset = load(with_line(layout, RATINGS[layout], {"csv": 4}.get(layout, 3), text))
    assert len(dataset.ratings) == 96
    assert dataset.movies.movie_id[dataset.ratings.movie_index[2]] == 1
    assert dataset.ratings.rating[2] == np.float32(stars)


@pytest.mark.parametrize(("layout", "separator"), [("100k", b"\t"), ("1m", b"::"), ("csv", b",")])
def test_a_rated_movie_that_is_not_listed_is_made_left_out_or_refused(
    layout: str, separator: bytes, with_line: WithLine
) -> None:
    path = with_line(layout, RATINGS[layout], 3, separator.join([b"1", b"99", b"3", b"4"]))
    dataset = load(path)
    assert (dataset.movies.movie_id[-1], dataset.movies.title[-1]) == (99, "99")
    assert dataset.movies.movie_id.dtype == np.int64
    words = "1 rating of 1 movie that the table of movies lacks (99)"
    assert any(f"{words}: made from its id" in warning for warning in dataset.warnings)
    assert len(load(path, orphans=Orphans.DROP).ratings) == len(dataset.ratings) - 1
    with pytest.raises(DataError, match="movie 99 is rated but is not among the movies") as caught:
        load(path, orphans=Orphans.ERROR)
    assert caught.value.line == 3


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\r\n"])
@pytest.mark.parametrize("layout", RATINGS)
def test_without_a_member_there_is_an_error_or_a_line_that_says_it(
    layout: str, content: bytes | None, make_archive: MakeArchive, members: Members
) -> None:
    for member in members(layout):
        path = make_archive(layout, replace={member: content})
        if member == "movies.csv" or (content is None and member != RATINGS[layout]):
            dataset = load(path)
            has_titles = dataset.movies.title.tolist() != list(map(str, range(1, 16)))
            assert has_titles == (member == "users.dat")  # as MovieLens 10M
            assert any(f"{member} (is empty" in note for note in dataset.notes) == (content is not None)
        else:
            words = "has no table" if content is None else f"{member}.*(is empty|no ratings)"
            with pytest.raises(DataError, match=words):
                load(path)


def test_a_header_without_rows_is_refused(make_archive: MakeArchive) -> None:
    with pytest.raises(DataError, match=r"ratings\.csv: has no ratings"):
        load(make_archive("csv", replace={"ratings.csv": b"userId,movieId,rating,timestamp\n"}))
    with pytest.raises(DataError, match=r"movies\.csv: has a header but no rows"):
        load(make_archive("csv", replace={"movies.csv": b"movieId,title,genres\r\n"}))


@pytest.mark.parametrize("layout", RATINGS)
def test_line_ends_blank_last_lines_and_byte_order_marks_change_nothing(
    layout: str, make_archive: MakeArchive, members: Members
) -> None:
    plain = load(make_archive(layout))
    mark = b"\xef\xbb\xbf" if layout == "csv" else b""
    changed = {
        name: mark + data.replace(b"\n", b"\r\n") + b"\r\n\n" for name, data in members(layout).items()
    }
    other = load(make_archive(layout, name="other", replace=changed))
    assert other.movies.title.tolist() == plain.movies.title.tolist()
    assert other.ratings.timestamp.tolist() == plain.ratings.timestamp.tolist()
    assert other.users.user_id.tolist() == plain.users.user_id.tolist()


@pytest.mark.parametrize("name", ["/etc/ratings.dat", "../ratings.dat", "a/../../b", "C:\\x", "a\\..\\..\\b"])
def test_a_member_name_that_leads_out_is_refused(name: str, archive_1m: Path) -> None:
    with zipfile.ZipFile(archive_1m, "a") as zipped:
        zipped.writestr(name, "x")
    with pytest.raises(DataError, match="leads out of the archive"):
        load(archive_1m)


def test_a_truncated_zip_is_refused_at_any_length(archive_1m: Path) -> None:
    whole = archive_1m.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        archive_1m.write_bytes(whole[:length])
        with pytest.raises(DataError, match="truncated, damaged"):
            load(archive_1m)


def test_a_flipped_byte_is_an_error_or_changes_nothing(archive_1m: Path) -> None:
    """In the name of a member it makes other files of the archive; what is read of them is said."""
    whole, plain = archive_1m.read_bytes(), load(archive_1m)
    for position in range(0, len(whole), 41):
        archive_1m.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        try:
            dataset = load(archive_1m)
        except MovierecError:
            continue
        assert dataset.ratings.rating.tolist() == plain.ratings.rating.tolist()
        is_the_same = dataset.movies.title.tolist() == plain.movies.title.tolist()
        assert is_the_same or (dataset.name != "1m" and "read ratings.dat" in dataset.notes[0])


def test_damage_in_the_ratings_is_called_damage_not_a_wrong_line(
    make_archive: MakeArchive, members: Members
) -> None:
    path = make_archive("1m")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        for member, content in members("1m").items():
            zipped.writestr(member, content)
    path.write_bytes(path.read_bytes().replace(b"978299999", b"9782x9999", 1))
    with pytest.raises(DataError, match="is damaged"):
        load(path)


def test_an_encrypted_member_is_refused(archive_1m: Path) -> None:
    content = bytearray(archive_1m.read_bytes())
    content[6] |= 1  # the flag in the first local header …
    content[content.index(b"PK\x01\x02") + 8] |= 1  # … and in the directory
    archive_1m.write_bytes(content)
    with pytest.raises(DataError, match="damaged or cannot be read"):
        load(archive_1m)


def test_something_else_than_an_archive_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "ml-1m.zip"
    page.write_text("<html>sorry</html>")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be read as a zip"):
        load(page)
    with pytest.raises(DataError, match="has no table"):
        load(tmp_path / "empty")
    with pytest.raises(DataError, match="does not exist"):
        load(tmp_path / "absent.zip")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    layout=st.sampled_from(sorted(RATINGS)),
    lines=st.lists(st.text("0123456789.,:|\t\r\n\"'xé -", max_size=25), min_size=1, max_size=4),
)
def test_any_ratings_text_loads_or_is_refused(
    layout: str, lines: list[str], make_archive: MakeArchive, members: Members
) -> None:
    content = members(layout)[RATINGS[layout]] + "\n".join(lines).encode()
    path = make_archive(layout, replace={RATINGS[layout]: content})
    with contextlib.suppress(DataError):
        load(path)
