"""`movierec similar` on a saved model of a small data set."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.recommend.response import similar_movies
from movierec_cli.registry.store import Run
from tests.cli.running import check_row, rows, words
from tests.cli.running import run as run_command
from tests.saved_runs import judged_run, run_config, sequence_config
from tests.small_dataset import N_MOVIES, small_dataset

pytestmark = pytest.mark.usefixtures("own_folder")

similar = partial(run_command, "similar")


@pytest.fixture
def run(own_folder: Path) -> Run:
    return judged_run(Path("saved_models"), small_dataset(), run_config())


def test_the_nearest_movies_are_shown_with_how_near_they_are(run: Run) -> None:
    result = similar("Film 105 (1985)", "--top", "3")
    assert result.exit_code == 0, result.output
    expected = similar_movies(run, 5, top=3).movies
    shown = [line.split() for line in result.stdout.splitlines() if "Film" in line]
    assert " ".join(shown[0]) == "Like Film 105 (1985), with: None"
    assert [line[:5] for line in shown[1:]] == [
        [str(place), f"{one.similarity:.2f}", *one.title.split()] for place, one in enumerate(expected, 1)
    ]
    note, *cautions = result.stderr.splitlines()
    assert note == f"Model: {run.record.name} (the only one, ndcg@10 10.0 % on validation, random split)"
    assert all("mostly chance" in one for one in cautions)


def test_a_title_needs_no_quotes(run: Run) -> None:
    quoted, bare = similar("film 105", "--json"), similar("film", "105", "--json")
    assert quoted.stdout == bare.stdout and json.loads(bare.stdout)["movie"]["movie_id"] == 105
    assert json.loads(similar("id:107", "--json").stdout)["movie"]["title"] == run.catalogue.title[7]


def test_programs_get_one_document_and_nothing_else(run: Run) -> None:
    result = similar("Film 105", "--json", "--quiet", "--top", "2", "--genre", "war")
    document = json.loads(result.stdout)
    assert result.stderr == ""
    assert list(document) == ["schema_version", "run", "model", "data", "movie", "movies"]
    assert document["run"] == run.record.name and document["data"]["name"] == "small"
    assert [one["genres"] for one in document["movies"]] == [["War"], ["War"]]


def test_a_file_is_written_and_named(run: Run) -> None:
    result = similar("Film 105", "--csv", "near.csv", "--top", "1")
    assert result.stdout == "Written: near.csv, 1 movie\n"
    assert Path("near.csv").read_text().splitlines()[0] == "place,movie_id,title,similarity,new"
    both = similar("Film 105", "--csv", "near.csv", "--json", "--top", "4")
    assert len(json.loads(both.stdout)["movies"]) == 4 and len(Path("near.csv").read_text().splitlines()) == 5


def test_a_shorter_list_is_explained(run: Run) -> None:
    result = similar("Film 105", "--year", "1981", "--max-minutes", "90", "--top", "50")
    n_found = sum("(1981)" in line for line in result.stdout.splitlines())
    message = f"{n_found} of --top 50: only {n_found} movies are of 1981 and at most 90 minutes long"
    assert message in words(result.stderr) and n_found == 2
    everything = similar("Film 105", "--top", "50")
    assert f"{N_MOVIES - 1} of --top 50: the model knows no more movies" in words(everything.stderr)


def test_what_is_left_out_for_its_unknown_length_is_counted() -> None:
    source = small_dataset()
    assert source.movies.length_minutes is not None
    source.movies.length_minutes[[5, 8]] = np.nan
    judged_run(Path("saved_models"), source, run_config())
    of_another = "1 movie is left out, as the length is unknown: movierec data lengths"
    assert of_another in words(similar("Film 105", "--max_minutes", "300").stderr)
    assert "2 movies are left out" in words(similar("Film 106", "--max_minutes", "300").stderr)
    assert "left out" not in words(similar("Film 106").stderr)


REFUSED = """
2 | similar | say which movie, before any option: movierec similar 'Toy Story (1995)'
2 | similar '' | say which movie
2 | similar --genre War 'Film 105' | say which movie, before any option
2 | similar 'Film 105' --top 0 | --top is 0; it must be 1 to 1,000,000
2 | similar 'Film 105' --top x | --top is 'x'; it takes a whole number
1 | similar flm 1 | there is no movie 'flm 1'
1 | similar id:7 | there is no movie with id:7; the movies have the ids 100 to 139
1 | similar 'Film 105' --csv . | cannot be written
"""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_impossible_requests_are_refused(row: str) -> None:
    check_row(row)


def test_any_trained_model_will_do_and_the_best_is_taken(run: Run) -> None:
    sasrec = judged_run(Path("saved_models"), small_dataset(), sequence_config())
    named = similar("Film 105", "--json", "--model", sasrec.record.name)
    assert json.loads(named.stdout)["model"] == "SASRec"
    assert json.loads(similar("Film 105", "--json").stdout)["run"] in (run.record.name, sasrec.record.name)
