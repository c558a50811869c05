"""What sites export for a person, in the shapes in which they do, found in a small catalogue."""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.reader.archive import open_archive
from movierec_cli.data.reader.movielens import movies_1m
from movierec_cli.errors import DataError
from movierec_cli.recommend.export_files import read_export, read_rating_list
from movierec_cli.recommend.export_layouts import LAYOUTS, Standing, is_movie_kind
from movierec_cli.recommend.opinion_files import ReadOpinions, found_rows, read_opinions, read_watched
from tests.recommend.export_shapes import LETTERBOXD, LINKED, SHAPES
from tests.recommend.test_opinion_files import CATALOGUE, IMDB_NUMBERS, ids


def written(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(content, encoding="utf-8", newline="")
    return file


def told(found: ReadOpinions) -> tuple[set[int], ...]:
    opinions = found.opinions
    return tuple(set(ids(rows)) for rows in (opinions.liked, opinions.disliked, opinions.seen))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_sites_files_are_read_in_their_shape(shape: str, tmp_path: Path) -> None:
    name, content, (liked, disliked, seen, series, stars, catalogue) = SHAPES[shape]
    found = read_opinions(written(tmp_path, name, content), catalogue)
    assert told(found) == (liked, disliked, seen)
    assert [one.title for one in found.not_movies] == series
    np.testing.assert_array_equal(found.stars, np.array(stars, np.float32))
    assert found.unknown == () and found.source != "a list"
    assert found.is_history == bool(seen or (liked and np.isnan(stars).any()))


def test_every_layout_has_a_shape_here(tmp_path: Path) -> None:
    used = set()
    for name, content, _ in SHAPES.values():
        used.add(read_rating_list(written(tmp_path, name, content)).source)
    assert used == {layout.source for layout in LAYOUTS} - {"a list"}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("netflix history", [590, 1214, 6]), ("netflix history, the day first", [1214, 6])],
)
def test_netflix_goes_back_in_time_and_its_dates_are_of_the_persons_country(
    shape: str, expected: list[int], tmp_path: Path
) -> None:
    name, content, _ = SHAPES[shape]
    file = written(tmp_path, name, content)
    assert ids(np.array(read_watched(file, CATALOGUE)[0])) == expected
    assert ids(read_opinions(file, CATALOGUE).history) == expected


@pytest.mark.parametrize("is_zip", [False, True])
@pytest.mark.parametrize("front", ["", "letterboxd-someone/"])
def test_a_whole_export_is_read_as_folder_and_as_zip(is_zip: bool, front: str, tmp_path: Path) -> None:
    path = packed(tmp_path, {front + name: text for name, text in LETTERBOXD.items()}, is_zip=is_zip)
    if not is_zip:
        path /= front
    found = read_opinions(path, CATALOGUE)
    assert told(found) == ({6, 1214}, {300}, set())
    assert found.n_movies == 5 and found.unknown == ()
    assert set(ids(np.array(read_watched(path, CATALOGUE)[0]))) == {6, 1214, 300}
    (said,) = found.warnings
    for text in (
        "ratings.csv (2)",
        "watched.csv (2)",
        "likes/films.csv (1)",
        "not seen",
        "watchlist.csv (1)",
    ):
        assert text in said
    assert "found" in said and "deleted" not in said and "profile" not in said


def packed(folder: Path, files: Mapping[str, str], *, is_zip: bool) -> Path:
    if not is_zip:
        for name, text in files.items():
            written(folder, name, text)
        return folder
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / "export.zip"


def test_lists_count_where_an_export_has_nothing_else(tmp_path: Path) -> None:
    path = packed(tmp_path, {"lists/x.csv": LETTERBOXD["lists/x.csv"]}, is_zip=True)
    assert told(read_opinions(path, CATALOGUE)) == (set(), set(), {364, 1214})


def test_an_export_of_nothing_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file of ratings that is known by its columns"):
        read_rating_list(packed(tmp_path, {"profile.csv": LETTERBOXD["profile.csv"]}, is_zip=True))


def test_files_of_several_sites_in_one_folder_each_keep_their_scale(tmp_path: Path) -> None:
    written(tmp_path, "letterboxd.csv", LETTERBOXD["ratings.csv"])
    written(tmp_path, "trakt.csv", SHAPES["trakt ratings"][1])
    found = read_opinions(tmp_path, LINKED)
    stars = dict(zip(ids(found.rows), found.stars.tolist(), strict=True))
    assert stars == {1214: 5, 300: 1.5, 6: 2.5}  # the last is a 5 of 10
    assert found.source == "Letterboxd's export and Trakt's export"


AS_LETTERBOXD_SPELLS = """47|1995|Se7en
260|1977|Star Wars
1196|1980|The Empire Strikes Back
2628|1999|Star Wars: Episode I – The Phantom Menace
293|1994|Léon: The Professional
1201|1966|The Good, the Bad and the Ugly
750|1964|Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb
2324|1997|Life Is Beautiful
589|1991|Terminator 2: Judgment Day
318|1994|The Shawshank Redemption
1136|1975|Monty Python and the Holy Grail
2683|1999|Austin Powers: The Spy Who Shagged Me
32|1995|12 Monkeys
2019|1954|Seven Samurai
2731|1959|The 400 Blows
1251|1963|8½
1260|1931|M
1148|1993|Wallace & Gromit: The Wrong Trousers
1059|1996|Romeo + Juliet
3000|1997|Princess Mononoke
1348|1922|Nosferatu
1233|1981|Das Boot
1097|1982|E.T. the Extra-Terrestrial
3703|1981|Mad Max 2
3083|1999|All About My Mother
2692|1998|Run Lola Run
58|1994|The Postman
|2001|Amélie
|1960|Breathless
|2014|Birdman or (The Unexpected Virtue of Ignorance)"""


def test_of_30_titles_as_letterboxd_spells_them_1m_has_27(shared_data: Path, tmp_path: Path) -> None:
    """The last three are of films that 1M lacks; of Breathless it has the one of 1983."""
    movies = movies_1m(open_archive(shared_data / "ml-1m.zip").at_members(["movies.dat", "ratings.dat"]))
    rows = [line.split("|") for line in AS_LETTERBOXD_SPELLS.splitlines()]
    lines = "".join(f'2020-01-01,"{title}",{year},x,4\n' for _, year, title in rows)
    found = read_opinions(
        written(tmp_path, "ratings.csv", f"Date,Name,Year,Letterboxd URI,Rating\n{lines}"), movies
    )
    assert movies.movie_id[found.rows].tolist() == [int(one) for one, *_ in rows if one]
    assert [one.title for one in found.unknown] == [title for one, _, title in rows if not one]


def test_a_watchlist_is_not_seen_but_can_be_excluded(tmp_path: Path) -> None:
    file = written(tmp_path, "watchlist.csv", LETTERBOXD["watchlist.csv"])
    for read in (read_opinions, read_watched):
        with pytest.raises(DataError, match="is a watchlist"):
            read(file, CATALOGUE)
    titles = read_export(file)
    assert titles is not None and [one.standing for one in titles] == [Standing.WANTED]
    assert ids(np.array(found_rows(file, titles, CATALOGUE)[0])) == [1]


def test_own_ids_count_where_the_title_agrees_and_else_a_line_says_so(tmp_path: Path) -> None:
    agree = "6,,,5,4,Heat (1995)\n1751,,,3,4,Chasing Amy (1997)\n"
    rows = f"1,,,4,4,Alien (1979)\n9999,,,4,4,Toy Story (1995)\n{agree}"
    file = written(tmp_path, "m.csv", f"movie_id,imdb_id,tmdb_id,rating,average_rating,title\n{rows}")
    found = read_opinions(file, CATALOGUE)
    assert ids(found.rows) == [1214, 1, 6, 1751]
    (said,) = found.warnings
    assert "the file's ids are of another data set: for 2 of 4 movies" in said


def test_ids_that_are_imdbs_own_are_numbers_there(tmp_path: Path) -> None:
    texts = np.array([f"tt{number or 5:07}" for number in IMDB_NUMBERS], object)
    name, content, _ = SHAPES["imdb ratings of 2025"]
    file = written(tmp_path, name, content.replace("Heat,Heat", "x,y"))
    assert ids(read_opinions(file, replace(CATALOGUE, movie_id=texts)).rows) == [6, 1214]


def test_several_profiles_are_told(tmp_path: Path) -> None:
    name, content, _ = SHAPES["netflix ratings"]
    found = read_opinions(written(tmp_path, name, content.replace("Me,Alien", "You,Alien")), CATALOGUE)
    assert any("2 profiles, Me, You" in note for note in found.notes)


def test_the_notes_say_how_each_kind_was_taken(tmp_path: Path) -> None:
    name, content, _ = SHAPES["netflix ratings"]
    found = read_opinions(written(tmp_path, name, content), CATALOGUE)
    assert found.notes[0].endswith(
        "(Netflix's export, rated 1 to 5 stars): of 4 movies, 3 liked (4 or more or marked so) and 1 disliked"
        " (below 3 or marked so)"
    )
    name, content, _ = SHAPES["netflix history"]
    read, series = read_opinions(written(tmp_path, name, content), CATALOGUE).notes
    assert read.endswith("(Netflix's export): of 3 movies, 0 liked, 0 disliked and 3 seen")
    assert series == "2 more are no movies: 'Dark' (line 6), 'Black Mirror' (line 3)"


@pytest.mark.parametrize(
    "kind", ["", "Film", "Pelicula", "tvMovie", "TV Short", "Fernsehfilm", "documentary", "movie"]
)
def test_kinds_of_movies_in_several_languages(kind: str) -> None:
    assert is_movie_kind(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "Serie TV",
        "TV-Serie",
        "tv",
        "show",
        "Épisode",
        "tvMiniSeries",
        "Videospiel",
        "Podcast Series",
        "season",
    ],
)
def test_kinds_of_others_in_several_languages(kind: str) -> None:
    assert not is_movie_kind(kind)
