"""`movierec data lengths`, and what other commands make of lengths."""

import json
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import DataConfig
from movierec_cli.data.load import load_dataset
from movierec_cli.data.running_times.match_cache import FOLDER_VARIABLE
from tests.cli.running import run, words
from tests.saved_runs import judged_run, run_config
from tests.tiny_titles import write_titles

# The films of the small 1M archive are "Fílm 1: it (is) (1981)" to "Fílm 15: it (is) (1995)".
FILMS = (
    *((f"tt{n:07d}", "movie", f"Film {n}: It (Is)", str(1980 + n), str(80 + n)) for n in range(1, 11)),
    ("tt0000011", "movie", "Film 11: It (Is)", "1991", "91"),
    ("tt0000111", "movie", "Film 11: It (Is)", "1991", "191"),
)


@pytest.fixture(autouse=True)
def _titles(small_1m: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(own_folder / "cache"))
    write_titles(own_folder / "titles.tsv.gz", FILMS)


def lengths(*args: str, width: int = 80) -> Any:
    return run("data", "lengths", *args, width=width)


@pytest.mark.parametrize(("option", "width"), [("--imdb-titles", 80), ("--imdb_titles", 200)])
def test_coverage_is_shown_by_rule_and_the_rest_by_name(option: str, width: int) -> None:
    result = lengths(option, "titles.tsv.gz", width=width)
    assert result.exit_code == 0, result.output
    text = words(result.stdout)
    assert text.startswith("10 of 15 movies of '1m' have a length (66.7 %).")
    assert "The lengths are from titles.tsv.gz." in text
    assert "Unmatched: 4" in text
    assert "Ambiguous: 1" in text
    assert "tt0000011, 1991, 91 min tt0000111, 1991, 191 min" in text
    assert "Fílm 15: it (is) (1995)" in text
    assert "--csv FILE" in text
    assert "SHA-256" in result.stderr
    assert max(map(len, result.stdout.splitlines())) <= width


def test_only_the_most_rated_twenty_are_on_the_terminal(make_archive: Any) -> None:
    movies = "".join(f"{n}::Other {n} (1990)::Drama\n" for n in range(1, 31)).encode()
    archive = make_archive("1m", replace={"movies.dat": movies}, name="many")
    result = lengths("--archive", str(archive), "--imdb_titles", "titles.tsv.gz", width=40)
    assert "Unmatched: the 20 of 30 with most ratings" in words(result.stdout)
    assert result.stdout.count("Other ") == 20
    assert max(map(len, result.stdout.splitlines())) <= 40


def test_the_document_has_every_movie_without_a_length() -> None:
    result = lengths("--dataset", "1m", "--imdb_titles", "titles.tsv.gz", "--json", "--quiet")
    document = json.loads(result.stdout)
    assert document["data"]["name"] == "1m"
    assert len(document["data"]["lengths_fingerprint"]) == 64
    assert document["known"] == {"label": "with a length", "n_movies": 10, "n_ratings": 64}
    assert document["all"]["n_movies"] == 15
    assert sum(count["n_movies"] for count in document["known_by"]) == 10
    missing = {movie["movie_id"]: movie for movie in document["without_length"]}
    assert sorted(missing) == [11, 12, 13, 14, 15]
    assert missing[12]["status"] == "unmatched"
    assert {entry["minutes"] for entry in missing[11]["candidates"]} == {91, 191}
    assert document["cleared"] is None


def test_a_file_written_and_corrected_counts_the_next_time(tmp_path: Path) -> None:
    asked = ("--imdb_titles", "titles.tsv.gz")
    result = lengths(*asked, "--csv", "lengths.csv")
    assert "Written: lengths.csv, 15 movies, those without a length first" in result.stdout
    file = tmp_path / "lengths.csv"
    file.write_text(file.read_text().replace("1992,,unmatched", "1992,92,unmatched"))
    corrected = lengths(*asked, "--movie_lengths", "lengths.csv")
    assert "11 of 15 movies" in corrected.stdout
    assert "1 corrected by lengths.csv" in corrected.stdout
    refused = lengths(*asked, "--csv", "lengths.csv")
    assert refused.exit_code == 1
    assert "corrected by hand" in refused.stderr
    assert "1992,92,unmatched" in file.read_text()


def test_a_wrong_line_is_an_error_and_a_row_of_no_movie_a_warning(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("title,year,minutes\nFilm,1990,2h\n")
    result = lengths("--movie_lengths", "mine.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "mine.csv, line 2: the length is '2h'" in result.stderr
    mine.write_text("title,year,minutes\nFlim 1,1981,90\n")
    result = lengths("--movie_lengths", "mine.csv", "--quiet")
    assert result.exit_code == 0 and "from mine.csv alone" in result.stdout
    message = "1 of 1 lengths fit no movie of the data set; the first is in line 2, 'Flim 1 1981'"
    assert message in result.stderr


def test_what_is_kept_can_be_cleared(tmp_path: Path) -> None:
    assert lengths("--imdb_titles", "titles.tsv.gz").exit_code == 0
    cleared = lengths("--clear")
    assert (cleared.exit_code, cleared.stdout) == (0, "Removed 1 table of matches.\n")
    assert lengths("--clear").stdout == "Removed 0 tables of matches.\n"
    assert json.loads(lengths("--clear", "--json").stdout)["cleared"] == 0
    assert lengths("--imdb_titles", "titles.tsv.gz").exit_code == 0
    again = lengths("--clear", "--imdb_titles", "titles.tsv.gz", "--json")
    assert json.loads(again.stdout)["cleared"] == 1


def test_the_sample_needs_nothing() -> None:
    result = lengths("--dataset", "sample")
    assert result.exit_code == 0
    assert "The lengths are from the data set itself." in result.stdout
    assert "--csv" not in result.stdout


def test_what_a_model_fitted_to_lengths_is_checked_with_the_same_lengths_only() -> None:
    source = load_dataset(DataConfig(imdb_titles=Path("titles.tsv.gz")), with_movie_lengths=True)
    for feature in ("None", "movie_length"):
        judged_run(Path("saved_models"), source, run_config(feature))
    Path("mine.csv").write_text("title,year,minutes,movie_id\n,,92,12\n")
    same, other = ("--imdb-titles", "titles.tsv.gz"), ("--movie_lengths", "mine.csv")
    for options, coverage, is_checked in (
        (same, "movie lengths: 10 of 15 movies", True),
        (other, "movie lengths: 1 of 15 movies", False),
        ((), "", False),
    ):
        for command in (("evaluate", "--json", "--baselines", "None"), ("doctor", "--json")):
            result = run(*command, *options)
            assert result.exit_code == 0, result.output
            assert coverage in result.stderr
            assert ("is not checked, as the model saw other lengths" in words(result.stderr)) != is_checked
            assert "fitted-on-more-than-train" not in json.dumps(json.loads(result.stdout)["findings"])
    labels = [one["label"] for one in json.loads(run("evaluate", "--json").stdout)["models"]]
    assert {"None", "movie_length"} < set(labels)


def test_doctor_checks_movie_length_and_tells_the_coverage() -> None:
    asked = ("doctor", "--additional_feature_sets", "movie_length")
    result = run(*asked, "--imdb-titles", "titles.tsv.gz", width=200)
    assert result.exit_code == 0, result.output
    assert "movie lengths: 10 of 15 movies (67 %) from titles.tsv.gz" in result.stderr
    assert "movie lengths" not in run(*asked, "--imdb-titles", "titles.tsv.gz", "--quiet").stderr
    assert "movie lengths" not in run("doctor").stderr
