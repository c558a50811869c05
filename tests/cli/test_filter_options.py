from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from movierec_cli.cli.commands.recommend import RecommendOptions
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.variadic import Command
from movierec_cli.data.dataset import Movies
from movierec_cli.errors import DataError, MovierecError, UsageError
from movierec_cli.recommend.filter_options import FilterOptions, parse_years
from movierec_cli.recommend.filters import Filters
from tests.cli.running import check_row, rows
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset

CATALOGUE: Movies = small_dataset().movies  # "Film 100 (1980)" and on; Comedy, Drama, War


def run_options(*args: str) -> Any:
    """What a command with these options makes of arguments: its filters and its diversity."""
    received: dict[str, Any] = {}
    app = typer.Typer()

    @app.command(cls=Command)
    @with_option_groups
    def command(
        filters: FilterOptions,
        options: RecommendOptions,
        other: Annotated[bool, typer.Option("--other")] = False,
    ) -> None:
        request = filters.checked(include_seen=options.include_seen)
        received.update(filters=request.of(CATALOGUE), diversity=options.diversity)

    result = CliRunner().invoke(app, args, env={"COLUMNS": "100"})
    if isinstance(result.exception, MovierecError):
        raise result.exception
    return received or result


@pytest.mark.parametrize(
    ("args", "filters"),
    [
        ((), Filters()),
        (("--genre", "comedy"), Filters(genres=("Comedy",))),
        (("--genre", "war", "--genre", "COMEDY"), Filters(genres=("War", "Comedy"))),
        (("--genre", "war,comedy , war"), Filters(genres=("War", "Comedy"))),
        (("--genre", "war", "comedy", "--other"), Filters(genres=("War", "Comedy"))),
        (("--not-genre", "drama"), Filters(not_genres=("Drama",))),
        (("--not_genre=drama", "--genre=drama,war"), Filters(genres=("Drama", "War"), not_genres=("Drama",))),
        (("--year", "1994"), Filters(years=(1994, 1994))),
        (("--year", "-1960"), Filters(years=(1, 1960))),
        (("--year=1990-",), Filters(years=(1990, 9999))),
        (("--max-minutes", "120"), Filters(max_minutes=120)),
        (("--min_popularity", "5", "--max-popularity", "5"), Filters(min_popularity=5, max_popularity=5)),
        (("--include-seen",), Filters(include_seen=True)),
    ],
)
def test_options_become_filters(args: tuple[str, ...], filters: Filters) -> None:
    assert run_options(*args) == {"filters": filters, "diversity": 0.0}


def test_every_option_is_explained_in_one_panel() -> None:
    text = run_options("--help").stdout
    panel = text.partition("Which movies")[2]
    options = ["--genre", "--not_genre", "--year", "--max_minutes", "--min_popularity", "--max_popularity"]
    for option in (*options, "--exclude", "--include_seen", "--diversity"):
        assert option in panel and option not in text.partition("Which movies")[0]


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1994", (1994, 1994)),
        (" 1990-1999 ", (1990, 1999)),
        ("1990–1999", (1990, 1999)),
        ("1990 - 1999", (1990, 1999)),
        ("1990s", (1990, 1999)),
        ("1990's", (1990, 1999)),
        ("1990-", (1990, 9999)),
        ("-1960", (1, 1960)),
        ("1999-1990", (1999, 1990)),  # refused by the filters, which swap them in their message
    ],
)
def test_years_are_one_or_a_range(text: str, years: tuple[int, int]) -> None:
    assert parse_years(text) == years


@pytest.mark.parametrize("text", ["", "-", "–", "90s", "199", "19945", "1994-95", "ten", "1990,91", "1995s"])
def test_what_are_no_years_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MovierecError) as refused:
        FilterOptions(year=text).checked()
    assert f"--year is '{text}'" in str(refused.value) and "1990-1999" in str(refused.value)
    assert refused.value.exit_code == 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(max_size=12) | st.from_regex(r"[0-9]{0,5}[-–s]?[0-9]{0,5}", fullmatch=True))
def test_whatever_is_typed_as_years_is_a_range_or_refused(text: str) -> None:
    try:
        request = FilterOptions(year=text).checked()
    except MovierecError:
        return
    years = request.filters.years
    assert years is not None and 1 <= years[0] <= years[1] <= 9999


REFUSED = """
1 | recommend --user 1 --year 1999-1990 | write the earlier year first: 1990-1999
1 | recommend --user 1 --year 0000 | they must be 1 to 9999
1 | recommend --user 1 --max_minutes 0 | the maximum length is 0 minutes
1 | recommend --user 1 --min_popularity 9 --max_popularity 8 | swap them
1 | recommend --user 1 --exclude none.txt | none.txt: cannot be read
1 | recommend --user 1 --exclude . | holds no file of ratings that is known
1 | recommend --user 1 --genre , | --genre is ','; it needs a genre
1 | recommend --user 1 --not_genre ' ' | --not_genre is ' '; it needs a genre
"""


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_impossible_values_are_refused_before_any_catalogue(row: str) -> None:
    check_row(row)


def test_genres_that_are_unknown_or_contradict_each_other_are_refused() -> None:
    with pytest.raises(MovierecError, match=r"no genre 'Comdy'\. Did you mean Comedy\?"):
        run_options("--genre", "Comdy")
    with pytest.raises(UsageError, match="--genre and --not_genre both name War, Comedy"):
        run_options("--genre", "War", "Comedy", "--not_genre", "comedy,drama,war")


def write(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "seen.txt"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        "Film 103 (1983)\nfilm 110\n#Film 111\n\n  id:105  \n106\nFilm 103\n",
        "\ufeffFilm 103 (1983)\r\nFilm 110\r\n\r\n# Fílm\r\n105\r\n106",
        "Title;Year\nFilm 103;1983\nfilm 110;1983\nid:105;\n106;\n",
    ],
    ids=["lines", "of Windows", "a table"],
)
def test_movies_of_a_file_are_excluded(tmp_path: Path, content: str) -> None:
    file = write(tmp_path, content.encode())
    rows = [number - FIRST_MOVIE_ID for number in (103, 110, 105, 106)]
    assert run_options("--exclude", str(file))["filters"] == Filters(exclude=tuple(rows))


def test_of_a_sites_export_the_movies_that_are_found_are_excluded_and_others_counted(tmp_path: Path) -> None:
    rows = "2020-01-01,Film 103,1983,x\n2020-01-02,No Such Film,1983,y\n"
    file = write(tmp_path, f"Date,Name,Year,Letterboxd URI\n{rows}".encode())
    filters = run_options("--exclude", str(file))["filters"]
    assert filters.exclude == (3,)
    assert filters.notes == (
        f"{file}: of 2 movies 1 cannot be told in the catalogue: 'No Such Film (1983)' (line 3)",
    )
    file.write_text("Date,Name,Year,Letterboxd URI\n2020-01-02,No Such Film,1983,y\n")
    filters = run_options("--exclude", str(file))["filters"]
    assert filters.exclude == () and "of 1 movie 1 cannot be told" in filters.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": names no movie; write one title or id per line"),
        (b"\n \n# nothing\n", ": names no movie"),
        (b"Film 103\n\nFilm 99999\n", ", line 3: there is no movie 'Film 99999'"),
        (b"Film 103\n# x\nid:7", ", line 3: there is no movie with id:7; the movies have the ids 100 to 139"),
        (b"Film 103\nFilm \xff\n", ", line 2: there is no movie 'Film ÿ'"),
        ("Film 103\n".encode("utf-16"), ": is UTF-16; save it in UTF-8"),
        (b"Film 103\nFilm\x00 104\n", ", line 2: holds a NUL byte"),
        (b"Film 103\n" + b"a" * 10_000_000, ", line 2: has 10,000,000 characters; write one title per line"),
        (b"\n" * 64_000_001, ": is larger than 64 MB, so it is no list of movies"),
    ],
    ids=["empty", "comments", "unknown", "unknown id", "latin", "utf-16", "NUL", "long line", "large"],
)
def test_a_file_that_is_no_list_of_movies_is_refused_with_the_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = write(tmp_path, content)
    with pytest.raises(DataError) as refused:
        run_options("--exclude", str(file))
    assert str(refused.value).startswith(f"{file}{message}") and refused.value.exit_code == 1
    assert len(str(refused.value)) < 1_000


def test_a_line_that_fits_several_movies_is_refused_with_them(tmp_path: Path) -> None:
    movies = small_dataset().movies
    movies.title[1] = movies.title[0] = "Twin (1980)"
    with pytest.raises(DataError, match=r"line 2: 'Twin' fits 2 movies:\n  100  Twin"):
        FilterOptions(exclude=write(tmp_path, b"Film 103\nTwin\n")).checked().of(movies)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
def test_whatever_is_in_the_file_it_is_movies_or_a_clear_error(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path, content)
    try:
        rows = FilterOptions(exclude=file).checked().of(CATALOGUE).exclude
    except DataError:
        return
    assert rows and all(0 <= row < len(CATALOGUE) for row in rows)
