from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Movies
from movierec_cli.data.load import load_dataset
from movierec_cli.data.reader.text_rows import year_of
from movierec_cli.data.running_times.names import loose_name, movie_names, plain_name
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.movie_search import CLOSEST_OFFERED, MovieSearch
from movierec_cli.text import shown_title

TITLES = {
    1: "Toy Story (1995)",
    7: "Sabrina (1995)",
    8: "Sabrina (1954)",
    47: "Seven (Se7en) (1995)",
    54: "Big Green, The (1995)",
    97: "Hate (Haine, La) (1995)",
    187: "Party Girl (1995)",
    293: "Professional, The (a.k.a. Leon: The Professional) (1994)",
    590: "Dances with Wolves (1990)",
    913: "M (1931)",
    1294: "M*A*S*H (1970)",
    1300: "Æon Flux (2005)",
    1609: "187 (1997)",
    1700: "1984 (1956)",
    1701: "Blade Runner 2049 (2017)",
    1702: "Blade Runner (1982)",
    1750: "Chasing Amy (1997)",
    1751: "Chasing Amy (1997)",
    1800: "Misérables, Les (1998)",
    1801: "Rocky II (1979)",
    1802: "Romeo & Juliet (1996)",
    1900: "Star Wars: Episode IV - A New Hope (1977)",
    1901: "Star Wars: Episode V - The Empire Strikes Back (1980)",
    1950: "Land Before Time III: The Time of the Great Giving (1995) (V)",
    1951: "Heidi Fleiss: Hollywood Madam (1995) ",
    1952: "unknown",
    1953: "Magnificent Seven, The (1960)",
    1954: "Seven Samurai (The Magnificent Seven) (Shichinin no samurai) (1954)",
    1955: "8 1/2 (1963)",
    1956: "Schindler's List (1993)",
    1957: "Кин-дза-дза! (1986)",
    1960: "And God Created Woman (Et Dieu&#8230;Créa la Femme) (1956)",
    1958: "Enfer, L' (1994)",
    1959: "Eclipse (Eclisse, L') (1962)",
}


def catalogue(titles: dict[int, str]) -> Movies:
    return Movies(
        movie_id=np.array(list(titles), np.int64),
        title=np.array(list(titles.values()), object),
        year=np.array([year_of(title) for title in titles.values()], np.int16),
        genres=np.zeros((len(titles), 0), bool),
        genre_names=(),
    )


MOVIES = catalogue(TITLES)


def found(text: str, movies: Movies = MOVIES) -> int:
    return int(movies.movie_id[MovieSearch(movies).find(text)])


@pytest.mark.parametrize("movie_id", [i for i in TITLES if TITLES[i] != "Chasing Amy (1997)"])
def test_every_movie_is_found_by_its_id_and_by_its_whole_title(movie_id: int) -> None:
    assert found(f"id:{movie_id}") == movie_id
    assert found(TITLES[movie_id]) == movie_id
    assert found(f"  {TITLES[movie_id].strip()} ") == movie_id


@pytest.mark.parametrize(
    ("text", "movie_id"),
    [
        ("590", 590),
        ("ID: 590", 590),
        ("dances with wolves", 590),
        ("big green", 54),
        ("The Big Green", 54),
        ("sabrina (1954)", 8),
        ("seven", 47),
        ("se7en", 47),
        ("la haine", 97),
        ("Haine, La", 97),
        ("leon: the professional", 293),
        ("m", 913),
        ("mash", 1294),
        ("aeon flux", 1300),
        ("blade runner", 1702),
        ("blade runner 2049", 1701),
        ("blade runner 1982", 1702),
        ("les miserables", 1800),
        ("Rocky Two", 1801),
        ("romeo and juliet", 1802),
        ("a new hope", 1900),
        ("Land Before Time III: The Time of the Great Giving", 1950),
        ("heidi fleiss: hollywood madam (1995)", 1951),
        ("The Magnificent Seven", 1953),
        ("magnificent 7", 1953),
        ("Shichinin no samurai", 1954),
        ("8½", 1955),
        ("schindlers list", 1956),
        ("КИН-ДЗА-ДЗА", 1957),
        ("1984", 1700),
        ("l'enfer", 1958),
        ("L'Eclisse (1962)", 1959),
        ("et dieu... crea la femme", 1960),
    ],
)
def test_titles_are_found_as_people_type_them(text: str, movie_id: int) -> None:
    assert found(text) == movie_id


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("sabrina", [7, 8]),
        ("star wars", [1900, 1901]),
        ("187", [187, 1609]),
        ("Chasing Amy (1997)", [1750, 1751]),
    ],
)
def test_what_fits_several_movies_lists_them_and_asks_for_the_id(text: str, listed: list[int]) -> None:
    assert MOVIES.movie_id[MovieSearch(MOVIES).fitting(text)].tolist() == listed
    with pytest.raises(MovierecError) as caught:
        MovieSearch(MOVIES).find(text)
    head, *lines, remedy = str(caught.value).split("\n")
    assert head == f"'{text}' fits {len(listed)} movies:"
    assert [line.split(maxsplit=1) for line in lines] == [[str(i), shown_title(TITLES[i])] for i in listed]
    assert f"id:{listed[0]}" in remedy
    assert ("whole title" in remedy) == (len({TITLES[i] for i in listed}) == len(listed))
    assert found(f"id:{listed[1]}") == listed[1]


def test_a_long_list_of_fitting_movies_is_cut() -> None:
    many = catalogue({i: f"Hamlet ({1900 + i})" for i in range(1, 101)})
    with pytest.raises(MovierecError, match=r"fits 100 movies:(.|\n)*and 80 others") as caught:
        MovieSearch(many).find("hamlet")
    assert str(caught.value).count("Hamlet (") == 20


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("leon", [293]),
        ("godfather", []),
        ("Star Wars: Episode V", [1901]),  # begins a title
        ("empire strikes", [1901]),  # stands in one
        ("The Empire Strikes (1980)", [1901]),
        ("samurai", [1954]),
        ("Dances", [590]),  # before those in which it only stands
        ("dances with wol", [590]),
        ("fleiss: hollywood", [1951]),
        ("olves", []),  # a word is not begun in its middle
        *((text, []) for text in ("the", "of", "1", "id:590", "", "***", "(1990)", "Dances (1989)")),
    ],
)
def test_a_piece_of_a_title_is_found(text: str, ids: list[int]) -> None:
    assert MOVIES.movie_id[MovieSearch(MOVIES).containing(text)].tolist() == ids


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Dances wih Wolfs", 590),
        ("leon", 293),
        ("toystory 3", 1),
        ("seven samurai (1955)", 1954),
        ("shindler's list", 1956),
    ],
)
def test_what_fits_none_is_offered_the_closest(text: str, first: int) -> None:
    with pytest.raises(MovierecError) as caught:
        MovieSearch(MOVIES).find(text)
    head, *lines = str(caught.value).split("\n")
    assert head == f"there is no movie '{text}'; the closest are:"
    assert 1 <= len(lines) <= CLOSEST_OFFERED
    assert lines[0].split(maxsplit=1) == [str(first), shown_title(TITLES[first])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (text, r"^.*no movie '.*', nor one with a title that is close.*\Z")
            for text in ("zzqxj", "***", "日本")
        ),
        *((text, "there is no movie") for text in ("(1990)", "9" * 18, "9" * 5000, "²")),
        *((text, r"the 34 ids between 1 and 1960") for text in ("id:99999", "99999")),
        *((text, "empty") for text in ("", "  ")),
    ],
)
def test_what_names_no_movie_is_refused(text: str, message: str) -> None:
    with pytest.raises(MovierecError, match=message):
        MovieSearch(MOVIES).find(text)


def test_only_a_plain_number_is_looked_up_as_an_id() -> None:
    search = MovieSearch(MOVIES)
    assert [search.row_of_id(text) for text in ("1", "187", "1984", "1.0", "x", "id:1", "-1")] == [
        *(0, list(TITLES).index(187), None, 0),
        *[None] * 3,
    ]


def test_all_that_fit_and_the_closest_are_handed_out() -> None:
    search = MovieSearch(MOVIES)
    for text, ids in (
        ("sabrina 1954", [8]),
        (" id:590 ", [590]),
        ("id:591", []),
        ("Dances wih Wolfs", []),
        (" ", []),
    ):
        assert MOVIES.movie_id[search.fitting(text)].tolist() == ids
    assert MOVIES.movie_id[search.closest("Dances wih Wolfs")].tolist()[0] == 590
    assert search.closest("id:591") == [] == search.closest("zzqxj")


@pytest.mark.parametrize(
    ("title", "year", "ids"),
    [
        ("Dances with Wolves", 1990, [590]),
        ("Dances with Wolves (1990)", None, [590]),
        ("Dances with Wolves", 1991, [590]),  # a year later elsewhere
        ("Dances with Wolves (1989)", None, [590]),
        ("Dances with Wolves", 1992, []),
        ("Hate", 1996, [97]),
        ("La Haine", 1996, [97]),  # by its other title too
        ("A New Hope", 1977, [1900]),
        ("A New Hope", 1978, []),  # a part of a title and another year are too little
        ("Star Wars", 1977, [1900]),
        ("Rocky II: The Rematch", 1979, [1801]),
        ("Toy Story: A New Beginning", 1995, [1]),  # by what stands before the subtitle
        ("Unknown", 1994, [1952]),  # which the catalogue does not date
        ("Sabrina", 1995, [7]),
        ("187", 1997, [1609]),
        ("187", None, [1609]),  # not the movie with that id
        ("1984", 1956, [1700]),
        ("Chasing Amy", 1997, [1750, 1751]),
        ("Zzqxj", 1990, []),
        ("", None, []),
        ("", 1990, []),
    ],
)
def test_titles_from_elsewhere_are_found_with_a_year_that_is_nearly_right(
    title: str, year: int | None, ids: list[int]
) -> None:
    assert MOVIES.movie_id[MovieSearch(MOVIES).titled(title, year)].tolist() == ids


def test_a_movie_of_the_year_before_and_one_of_the_year_after_are_both_found() -> None:
    movies = catalogue({1: "Heat (1994)", 2: "Heat (1996)"})
    assert MovieSearch(movies).titled("Heat", 1995) == [0, 1]


def test_titles_with_line_ends_do_not_shift_the_others() -> None:
    movies = catalogue({1: "A\nfilm (1990)", 2: "Other (1991)", 3: "Last (1992)"})
    assert found("last", movies) == 3
    assert found("a film", movies) == 1


def slow_search(movies: Movies, text: str) -> set[int]:
    """Rows of the strictest fit of a text without year, every title looked at."""
    plain = plain_name(text)
    by_way: list[set[int]] = [set() for _ in range(6)]
    for row, title in enumerate(movies.title):
        names = movie_names(title)
        for place, known in enumerate((names.main, names.others, names.parts)):
            if plain in known:
                by_way[2 * place].add(row)
            if loose_name(plain) in [loose_name(name) for name in known]:
                by_way[2 * place + 1].add(row)
    return next((rows for rows in by_way if rows), set())


def candidates(movies: Movies, text: str) -> set[int]:
    try:
        return {MovieSearch(movies).find(text)}
    except MovierecError as error:
        lines = [line.split() for line in str(error).split("\n  ")[1:]]
        ids = {int(words[0]) for words in lines if words[0].isdigit()}
        return set(np.flatnonzero(np.isin(movies.movie_id, list(ids))).tolist())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the columns read by one test wait for the next."""
    return tmp_path_factory.mktemp("datasets")


def movielens(shared_data: Path, name: str, kept: Path) -> Movies:
    config = DataConfig(archive=shared_data / f"ml-{name}.zip", datasets_dir=kept)
    return load_dataset(config).movies


def test_the_quick_look_for_words_loses_no_movie(shared_data: Path, kept: Path) -> None:
    movies = movielens(shared_data, "100k", kept)
    names = [
        name for title in movies.title for name in (*movie_names(title).main, *movie_names(title).others)
    ]
    sampled = [name for name in names[::61] if not name.split()[-1].isdigit()]
    assert len(sampled) > 25
    for name in [*sampled, "the", "2", "two", "seven", "a", "part 2"]:
        expected = slow_search(movies, name)
        if expected and not name.isdigit():
            assert candidates(movies, name) == expected, name


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("1m", "matrix", "Matrix, The (1999)"),
        ("1m", "twelve angry men", "12 Angry Men (1957)"),
        ("1m", "Terminator II", "Terminator 2: Judgment Day (1991)"),
        ("1m", "til there was you", "'Til There Was You (1997)"),
        ("100k", "star wars", "Star Wars (1977)"),
        ("100k", "les misérables", "Misérables, Les (1995)"),
        ("1m", "amelie", None),
        ("100k", "matrix", None),
        ("100k", "That Darn Cat! (1997)", None),
    ],
)
def test_real_titles_are_found(
    shared_data: Path, kept: Path, name: str, text: str, expected: str | None
) -> None:
    movies = movielens(shared_data, name, kept)
    if expected is None:
        with pytest.raises(MovierecError, match=r"\d+  "):
            MovieSearch(movies).find(text)
    else:
        assert movies.title[MovieSearch(movies).find(text)] == expected


def test_of_a_large_catalogue_few_titles_are_taken_apart(
    shared_data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what takes long; for the rest there are exact and quick filters."""
    movies = movielens(shared_data, "1m", kept)
    rows = np.resize(np.arange(len(movies)), 87_000)
    titles = [f"{movies.title[row][:-7]} {place // len(movies)} (1990)" for place, row in enumerate(rows)]
    large = replace(
        movies,
        movie_id=np.arange(1, len(rows) + 1) + 10**6,
        title=np.array(titles, object),
        year=np.full(len(rows), 1990, np.int16),
    )
    apart: list[str] = []

    def counted(title: str) -> Any:
        apart.append(title)
        return movie_names(title)

    monkeypatch.setattr("movierec_cli.recommend.movie_search.movie_names", counted)
    with pytest.raises(MovierecError, match="Dances with Wolves"):
        MovieSearch(large).find("Dances wih Wolfs")
    assert 5 <= len(apart) < len(large) / 100
