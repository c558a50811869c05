"""Ratings from elsewhere, found in a small catalogue."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Movies, RatingScale
from movierec_cli.data.reader.text_rows import year_of
from movierec_cli.errors import DataError
from movierec_cli.recommend.export_files import read_rating_list
from movierec_cli.recommend.opinion_files import ReadOpinions, read_opinions, read_watched

TITLES = {
    1: "Toy Story (1995)",
    6: "Heat (1995)",
    364: "Lion King, The (1994)",
    590: "Dances with Wolves (1990)",
    1214: "Alien (1979)",
    300: "300 (2006)",
    1750: "Chasing Amy (1997)",
    1751: "Chasing Amy (1997)",
    97: "Hate (Haine, La) (1995)",
    1035: "Sound of Music, The (1965)",
}
IMDB_NUMBERS = (114709, 113277, 110357, 99348, 78748, 416449, 118842, 0, 113247, 59742)
CATALOGUE = Movies(
    movie_id=np.array(list(TITLES), np.int64),
    title=np.array(list(TITLES.values()), object),
    year=np.array([year_of(title) for title in TITLES.values()], np.int16),
    genres=np.zeros((len(TITLES), 0), bool),
    genre_names=(),
)
WITH_NUMBERS = replace(CATALOGUE, imdb_number=np.array(IMDB_NUMBERS, np.int64))

LETTERBOXD = """Date,Name,Year,Letterboxd URI,Rating
2020-03-14,Heat,1995,https://boxd.it/2aHS,4.5
2020-03-12,The Lion King,1994,https://boxd.it/2aXX,3
2020-03-13,Alien,1979,https://boxd.it/2bXX,1.5
2020-03-15,"Good, the Bad and the Ugly, The",1966,https://boxd.it/2cXX,5
2020-03-11,Chasing Amy,1997,https://boxd.it/2dXX,4
"""
IMDB_HEADER = (
    "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,"
    "Num Votes,Release Date,Directors"
)
IMDB_ROWS = (
    'tt0113277,9,2021-01-05,Heat,Heat,https://www.imdb.com/title/tt0113277,Movie,8.3,170,1995,"Crime, Drama",'
    "700000,1995-12-15,Michael Mann",
    "tt0110357,7,2021-01-04,Der König der Löwen,The Lion King,https://x,Movie,8.5,88,1994,Animation,1,1994-06-15,",
    "tt0903747,10,2021-01-03,Breaking Bad,Breaking Bad,https://x,TV Series,9.5,49,2008,Crime,1,2008-01-20,",
    "tt0078748,2,2021-01-02,Alien,Alien,https://x,movie,8.5,117,1979,Horror,1,1979-05-25,Ridley Scott",
)


def read(tmp_path: Path, content: str | bytes, catalogue: Movies = CATALOGUE) -> ReadOpinions:
    file = tmp_path / "ratings.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_opinions(file, catalogue)


def ids(rows: np.ndarray) -> list[int]:
    return CATALOGUE.movie_id[rows].tolist()


def liked_and_disliked(read_file: ReadOpinions) -> tuple[set[int], set[int]]:
    return set(ids(read_file.opinions.liked)), set(ids(read_file.opinions.disliked))


def test_letterboxds_export_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, LETTERBOXD)
    assert found.source == "Letterboxd's export"
    assert ids(found.rows) == [364, 1214, 6]  # by date, oldest first
    assert found.stars.tolist() == [3, 1.5, 4.5]
    titles = read_rating_list(tmp_path / "ratings.csv").titles
    assert sorted(one.seconds for one in titles[:3] if one.seconds) == [1583971200, 1584057600, 1584144000]
    assert liked_and_disliked(found) == ({6, 364}, {1214})
    assert [(one.line, one.title) for one in found.unknown] == [(5, "Good, the Bad and the Ugly, The")]
    assert [(one.line, one.title) for one in found.ambiguous] == [(6, "Chasing Amy")]
    assert found.n_movies == 5 and found.not_movies == ()


@pytest.mark.parametrize("catalogue", [CATALOGUE, WITH_NUMBERS])
def test_imdbs_export_is_read_and_series_are_left_out(tmp_path: Path, catalogue: Movies) -> None:
    found = read(tmp_path, "\r\n".join([IMDB_HEADER, *IMDB_ROWS]), catalogue)
    assert found.source == "IMDb's export"
    assert ids(found.rows) == [1214, 364, 6]  # one by its number or its original title: the other is German
    assert found.stars.tolist() == [1, 3.5, 4.5]
    assert liked_and_disliked(found) == ({6, 364}, {1214})
    assert [one.title for one in found.not_movies] == ["Breaking Bad"]
    assert found.n_movies == 3


def test_a_movie_with_another_number_is_another_movie(tmp_path: Path) -> None:
    other = IMDB_ROWS[3].replace("tt0078748", "tt9999999")
    found = read(tmp_path, "\n".join([IMDB_HEADER, IMDB_ROWS[0], other]), WITH_NUMBERS)
    assert ids(found.rows) == [6] and [one.line for one in found.unknown] == [3]


def test_a_movie_without_a_number_in_the_catalogue_is_found_by_its_title(tmp_path: Path) -> None:
    row = (
        IMDB_ROWS[0].replace("tt0113277", "tt0118842").replace("Heat", "Chasing Amy").replace("1995", "1997")
    )
    assert ids(read(tmp_path, f"{IMDB_HEADER}\n{row}", WITH_NUMBERS).rows) == [1750]
    unlinked = replace(WITH_NUMBERS, imdb_number=np.zeros(len(TITLES), np.int64))
    assert ids(read(tmp_path, f"{IMDB_HEADER}\n{IMDB_ROWS[3]}", unlinked).rows) == [1214]


@pytest.mark.parametrize("kind", ["movie", "TV Movie", "tvMovie", "Short", "Video", "TV Special", ""])
def test_all_kinds_of_movies_count(tmp_path: Path, kind: str) -> None:
    assert len(read(tmp_path, f"{IMDB_HEADER}\n{IMDB_ROWS[0].replace('Movie', kind)}").rows) == 1


@pytest.mark.parametrize("kind", ["tvSeries", "TV Mini Series", "TV Episode", "Video Game", "Podcast Series"])
def test_what_is_no_movie_is_not_taken_for_one_of_that_name(tmp_path: Path, kind: str) -> None:
    rows = [IMDB_HEADER, IMDB_ROWS[0].replace("Movie", kind), IMDB_ROWS[3]]
    found = read(tmp_path, "\n".join(rows))
    assert ids(found.rows) == [1214] and [one.line for one in found.not_movies] == [2]


@pytest.mark.parametrize(
    "content",
    [
        'title,rating\n"Heat (1995)",5\nAlien,2\n',
        "Rating,Title\n5,Heat (1995)\n2,alien (1979)",
        "movie_id,rating\n6,5\n1214,2\n",
        "title,rating,year\nHeat,5,1995\nAlien,2,1979.0\n",
        "title,rating,year\nHeat,5,1996\nAlien,2,\n",  # a year beside the true one, and none
        "\ufefftitle,rating\r\nHeat (1995),5\r\n\r\nAlien,2\r\n\r\n",
        "title;rating\nHeat (1995);5,0\nAlien;2,0\n",
        "title\trating\nHeat (1995)\t5\nAlien\t2\n",
        "\n\n title , rating , mine \n Heat (1995) , 5 , x\n Alien ,2, y",
        "Film,Stars\nHeat,5\nAlien,2\n",
        "movieId,title,rating\n6,heat,5\n,Alien,2\n",
        "Heat (1995),5\nAlien,2\n",
        '{"title": "Heat", "rating": 5}\n{"title": "Alien", "rating": 2}\n',
    ],
)
def test_plain_lists_are_read_in_all_these_shapes(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert found.source == "a list"
    assert ids(found.rows) == [6, 1214] and found.stars.tolist() == [5, 2]
    assert liked_and_disliked(found) == ({6}, {1214})
    assert found.unknown == ()


def test_a_number_in_a_column_of_titles_is_a_title(tmp_path: Path) -> None:
    assert ids(read(tmp_path, "title,rating\n300,5\n97,4\n").rows) == [300]


@pytest.mark.parametrize(
    ("ratings", "name", "stars", "liked", "disliked"),
    [
        ("5 4 3 1", "up to 5", [5, 4, 3, 1], {1, 6}, {590}),
        ("10 8 6 5", "up to 10", [5, 4, 3, 2.5], {1, 6}, {590}),
        ("100 80 60 40", "up to 100", [5, 4, 3, 2], {1, 6}, {590}),
        ("1 1 0 0", "0 or 1", [np.nan] * 4, {1, 6}, {364, 590}),
        ("1 1 1 1", "0 or 1", [np.nan] * 4, {1, 6, 364, 590}, set()),
        ("2 1 1 0", "up to 5", [2, 1, 1, 0], set(), {1, 6, 364, 590}),  # the best of bad ones is not liked
        ("5 5 5 4", "up to 5", [5, 5, 5, 4], {1, 6, 364, 590}, set()),  # four stars are enough
        ("5 5 4 3.5", "up to 5", [5, 5, 4, 3.5], {1, 6, 364}, set()),  # less must reach the median
        ("3 3 3 3", "up to 5", [3, 3, 3, 3], {1, 6, 364, 590}, set()),
    ],
)
def test_what_is_liked_depends_on_the_scale_and_the_users_own_median(
    tmp_path: Path, ratings: str, name: str, stars: list[float], liked: set[int], disliked: set[int]
) -> None:
    rows = zip((1, 6, 364, 590), ratings.split(), strict=True)
    found = read(tmp_path, "movie_id,rating\n" + "".join(f"{i},{rating}\n" for i, rating in rows))
    assert found.scale.name == name
    np.testing.assert_array_equal(found.stars, np.array(stars, np.float32))
    assert liked_and_disliked(found) == (liked, disliked)


def test_movies_without_a_rating_are_known_but_no_opinion(tmp_path: Path) -> None:
    found = read(tmp_path, "title,rating\nHeat,5\nAlien,\n")
    assert ids(found.rows) == [6, 1214] and np.isnan(found.stars[1])
    assert liked_and_disliked(found) == ({6}, set())


def test_the_newest_rating_of_a_movie_counts(tmp_path: Path) -> None:
    by_date = read(tmp_path, "title,rating,date\nHeat,1,2020-01-02\nAlien,2,2020-01-01\nheat,5,2019-01-01\n")
    assert ids(by_date.rows) == [1214, 6] and by_date.stars.tolist() == [2, 1]
    by_place = read(tmp_path, "title,rating,date\nHeat,1,2020-01-02\nAlien,2,\nheat,5,2019-01-01\n")
    assert ids(by_place.rows) == [1214, 6] and by_place.stars.tolist() == [2, 5]
    seen_again = read(tmp_path, "title,rating\nHeat,1\nAlien,2\nHeat,\n")
    assert ids(seen_again.rows) == [1214, 6] and seen_again.stars.tolist() == [2, 1]


@pytest.mark.parametrize("date", ["2020-03-14", "2020-03-14T01:00:00+01:00", "1584144000"])
def test_dates_are_read(tmp_path: Path, date: str) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(f"title,rating,date\nHeat,5,{date}\n")
    assert [one.seconds for one in read_rating_list(file).titles] == [1584144000]


def test_the_notes_say_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    lines = "".join(f"Nothing Like It {i},4\n" for i in range(7))
    content = f"title,rating\nHeat,5\nAlien,2\nToy Story,4\n{lines}Chasing Amy (1997),5\n"
    first, unknown, ambiguous = read(tmp_path, content).notes
    assert first == (
        f"{tmp_path / 'ratings.csv'} (a list, rated up to 5): of 3 movies, 2 liked (4 or more) and 1 disliked"
        " (below 2.75)"
    )
    assert unknown == (
        "7 of 11 movies are not in the catalogue: 'Nothing Like It 0' (line 5), 'Nothing Like It 1' (line 6),"
        " 'Nothing Like It 2' (line 7), 'Nothing Like It 3' (line 8), 'Nothing Like It 4' (line 9) and 2"
        " others"
    )
    assert ambiguous == "1 of 11 movies fits several movies of it: 'Chasing Amy (1997)' (line 12)"
    series = read(tmp_path, "\n".join([IMDB_HEADER, *IMDB_ROWS[2:]])).notes[1]
    assert series == "1 more is no movie: 'Breaking Bad (2008)' (line 2)"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", None, "is empty"),
        ("\n\n", None, "is empty"),
        ("title,rating\n", None, "names its columns but no movie"),
        ("Date,Name,Year,URI\n2020-01-01,Heat,1995,x\n", 1, "have the names 'Date,Name,Year"),
        ("rating\n5\n", 1, "have the names 'rating'; it must be what Letterboxd, IMDb"),
        ("title,rating,Rating\nHeat,5,4\n", 1, "have the names 'title,rating,Rating'"),
        ("Heat,5,x\nAlien,2,y\n", 1, "have the names 'no names'"),
        ("title,rating\nHeat,good\n", 2, "the rating is 'good'; it must be a number from 0 to 100, or empty"),
        ("title,rating\nHeat,nan\n", 2, "the rating is 'nan'"),
        ("title,rating\nHeat,5\nAlien,-1\n", 3, "the rating is '-1'"),
        ("title,rating\nHeat,101\n", 2, "the rating is '101'"),
        ("title,rating\nHeat,9999999999999999999999\n", 2, "the rating is '9999"),
        (LETTERBOXD.replace("4.5", "5.5"), 2, "it must be a number from 0.5 to 5, or empty"),
        (f"{IMDB_HEADER}\n{IMDB_ROWS[0].replace(',9,', ',0,')}", 2, "it must be a number from 1 to 10"),
        ("title,rating\nLion King, The (1994),5\n", 2, "has 3 fields, needs 2 .*: 'Lion King"),
        ("title,rating\nHeat\n", 2, "has 1 fields"),
        ('title,rating\n"Heat,5\n', 2, "is no well-formed CSV"),
        ('title,rating\nAlien,5\n"Heat"x,5\n', 3, "is no well-formed CSV"),
        ("title,rating\n,5\n", 2, "has no title"),
        ("title,rating,year\nHeat,5,95\n", 2, "the year is '95'; it must be four digits"),
        ("title,rating,date\nHeat,5,14/03/2020\n", 2, "the date is '14/03/2020'; it must be like 2020-03-14"),
        (
            "movie_id,rating\nsix,5\n",
            None,
            r"none is found .*, such as movie_id six \(line 2\)",
        ),
        ("title,rating\nHeat,5\nAl\0ien,5\n", 3, "holds a NUL byte"),
        ("title,rating\nHeat,5\n".encode("utf-16"), None, "is UTF-16; save it in UTF-8"),
        (b"PK\x03\x04\x14\x00rest", None, "cannot be read as a zip"),
        ("title,rating\nZzqxj (1990),5\n", None, r"of its 1 movie none .* 'Zzqxj \(1990\)' \(line 2\)"),
        (
            "title,rating\nChasing Amy,5\n",
            None,
            "fits several movies of the catalogue; name them by movie_id",
        ),
        (f"{IMDB_HEADER}\n{IMDB_ROWS[2]}", None, r"names no movie, but 'Breaking Bad \(2008\)' \(line 2\)"),
        ("title,rating\nHeat,\nZzqxj,5\n", None, "of the 1 movie that the catalogue has, it rates none"),
    ],
)
def test_unusable_files_are_refused_with_file_and_line(
    tmp_path: Path, content: str | bytes, line: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, content)
    assert caught.value.line == line and caught.value.exit_code == 1
    assert str(caught.value).startswith(str(tmp_path / "ratings.csv"))


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"does not exist|holds no file of ratings"):
        read_opinions(tmp_path / name, CATALOGUE)


def test_what_is_no_utf_8_is_read_as_cp1252_and_said(tmp_path: Path) -> None:
    found = read(tmp_path, "title,rating\nHeat,5\nMisérables,4\n".encode("cp1252"))
    assert ids(found.rows) == [6] and [one.title for one in found.unknown] == ["Misérables"]
    assert any("cp1252" in note for note in found.notes)


LONG = 10 * 2**20


@pytest.mark.parametrize(
    "content",
    [
        "x" * LONG,
        "," * LONG,
        "title,rating\nHeat,5\n" + "x" * LONG + ",5\n",
        "title,rating\nHeat,5\n" + "," * LONG + "5",
        "title,rating\nHeat,5\n" + '"' * LONG,
    ],
    ids=["header", "header of many columns", "title", "many fields", "quotes"],
)
def test_a_line_of_ten_megabytes_is_a_short_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("title", ["a " * 30_000 + "b", "x (" * 20_000, "Heat" + " " * 100_000 + "2"])
def test_a_title_longer_than_any_movies_is_of_none(tmp_path: Path, title: str) -> None:
    found = read(tmp_path, f"title,rating\nHeat,5\n{title},3\n")
    assert ids(found.rows) == [6] and [one.line for one in found.unknown] == [3]
    assert max(map(len, found.notes)) < 300


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (RatingScale(1, 5), [3, 1.5, 4.5]),
        (RatingScale(-10, 10), [10 / 9, -50 / 9, 70 / 9]),
        (None, [np.nan] * 3),
    ],
)
def test_ratings_are_put_on_the_scale_of_the_data(
    scale: RatingScale | None, expected: list[float], tmp_path: Path
) -> None:
    """Letterboxd's 3, 1.5 and 4.5 of 0.5 to 5 are 5/9, 2/9 and 8/9 of the way."""
    file = tmp_path / "ratings.csv"
    file.write_text(LETTERBOXD)
    found = read_opinions(file, CATALOGUE, scale)
    np.testing.assert_allclose(found.stars, np.array(expected, np.float32), rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Date,Name,Year,Letterboxd URI\n2020-02-02,Alien,1979,x\n2020-01-01,Heat,1995,x\n", [6, 1214]),
        ("Title,Date\nHeat,\nThe Lion King,\nNo Such Film,\n", [6, 364]),
        ("Heat (1995)\nLion King, The (1994)\n\nAlien\n", [6, 364, 1214]),
        ('{"title": "Alien"}\n{"title": "Heat"}\n{"title": "Alien"}\n', [6, 1214]),
    ],
)
def test_watch_lists_are_read_in_all_these_shapes(content: str, expected: list[int], tmp_path: Path) -> None:
    file = tmp_path / "watched.csv"
    file.write_text(content)
    rows, notes = read_watched(file, CATALOGUE)
    assert CATALOGUE.movie_id[rows].tolist() == expected
    assert ["No Such Film" in note and "1 cannot be told" in note for note in notes] == [True] * len(notes)
    assert bool(notes) == ("No Such" in content)


def test_a_watch_list_of_nothing_that_is_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("No Such Film\n")
    with pytest.raises(DataError, match="of 1 movie 1 cannot be told in the catalogue: 'No Such Film'"):
        read_watched(tmp_path / "w.csv", CATALOGUE)
