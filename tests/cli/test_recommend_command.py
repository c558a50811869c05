"""`movierec recommend` on saved models of a small archive."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import DataConfig, Family, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, rating_baseline_run, run_config, sequence_config

# The films of the small 1M archive are "Fílm 1: it (is) (1981)" to "Fílm 15: it (is) (1995)".
N_MOVIES = 15
SERVING = "movierec_cli.models.sequential.serving"


def title(movie_id: int) -> str:
    return f"Fílm {movie_id}: it (is) ({1980 + movie_id})"


@pytest.fixture
def dataset(archive_1m: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """ml-1m.zip where the program looks for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    archive_1m.rename(tmp_path / "datasets" / "ml-1m.zip")
    return load_dataset(DataConfig())


@pytest.fixture
def towers(dataset: Dataset) -> Run:
    return judged_run(Path("saved_models"), dataset, run_config())


@pytest.fixture
def sasrec(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Its network likes what is near the newest film in the catalogue."""
    serving = ModuleType(SERVING)
    serving.score_history = lambda run, rows, seconds: (
        -np.abs(  # type: ignore[attr-defined]
            np.arange(len(run.artifacts.movie_ids), dtype=np.float32) - rows[-1] - 0.1
        )
    )
    monkeypatch.setitem(sys.modules, SERVING, serving)
    return judged_run(Path("saved_models"), dataset, sequence_config())


def recommend(*args: str, width: int = 80) -> Any:
    return CliRunner().invoke(
        app, ["recommend", *args], prog_name="movierec", env={"COLUMNS": str(width), "TERMINAL_WIDTH": "80"}
    )


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def notes(stderr: str) -> list[str]:
    """What is said beside the warning that the small archive is not the published one."""
    return [line for line in stderr.splitlines() if not line.startswith("Warning: datasets/ml-1m.zip")]


def rated_by(dataset: Dataset, user_id: int) -> set[int]:
    own = dataset.users.user_id[dataset.ratings.user_index] == user_id
    return set(dataset.movies.movie_id[dataset.ratings.movie_index[own]].tolist())


def best_for(run: Run, user_id: int, without: set[int]) -> list[int]:
    arrays = run.artifacts
    user = arrays.user_embeddings[arrays.user_ids.tolist().index(user_id)]
    scores = dict(zip(arrays.movie_ids.tolist(), arrays.movie_embeddings @ user, strict=True))
    return sorted(set(scores) - without, key=lambda movie_id: -scores[movie_id])


def test_a_user_gets_what_they_rated_and_what_is_recommended(towers: Run, dataset: Dataset) -> None:
    result = recommend("--user", "2", "--top", "3")
    assert result.exit_code == 0, result.output
    rated, recommended = result.stdout.split("Recommended with: None")
    assert f"User 2 rated {len(rated_by(dataset, 2))} movies" in words(rated)
    expected = best_for(towers, 2, rated_by(dataset, 2))[:3]
    shown = [line.split(":")[0].split() for line in recommended.splitlines() if "Fílm" in line]
    assert shown == [[str(place), "Fílm", str(i)] for place, i in enumerate(expected, start=1)]
    assert notes(result.stderr) == [
        f"Model: {towers.record.name} (the only one, recall@100 40.0 % on validation, random split)"
    ]


def test_what_was_watched_decides_what_comes_next(sasrec: Run) -> None:
    result = recommend("--watched", title(12), "--watched=film 3: it is", "--top=4")
    assert result.exit_code == 0, result.output
    watched, recommended = result.stdout.split("Recommended with: SASRec")
    assert words(watched).startswith("Watched, oldest first title genres")
    for text, ids in ((watched, [12, 3]), (recommended, [4, 2, 5, 1])):
        shown = [line.split(":")[0].split() for line in text.splitlines() if "Fílm" in line]
        assert shown == [[str(place), "Fílm", str(i)] for place, i in enumerate(ids, start=1)]
    assert notes(result.stderr)[0].startswith(f"Model: {sasrec.record.name} (the only one, recall@100")


@pytest.mark.parametrize(("options", "expected"), [((), [8, 6, 9]), (("--include_seen",), [7, 8, 6])])
def test_the_document_says_who_what_and_from_which_model(
    sasrec: Run, dataset: Dataset, options: tuple[str, ...], expected: list[int]
) -> None:
    result = recommend("--watched", "id:7", "--top", "3", "--json", "--quiet", *options)
    document = json.loads(result.stdout)
    assert list(document) == ["run", "model", "data", "user_id", "rated", "watched", "movies"]
    assert (document["run"], document["model"]) == (sasrec.record.name, "SASRec")
    assert document["data"] == {
        "name": "1m",
        "description": dataset.description,
        "fingerprint": dataset.fingerprint,
    }
    assert (document["user_id"], document["rated"]) == (None, [])
    assert [one["title"] for one in document["watched"]] == [title(7)]
    assert [one["movie_id"] for one in document["movies"]] == expected
    assert set(document["movies"][0]) == {"movie_id", "title", "genres", "score", "stars"}
    assert notes(result.stderr) == []


@pytest.mark.usefixtures("sasrec")
def test_a_user_is_served_by_whichever_model_is_named(towers: Run, sasrec: Run, dataset: Dataset) -> None:
    for run, name in ((towers, "1m-none"), (sasrec, "1m-sasrec")):
        document = json.loads(recommend("--user", "1", "--json", "--model", name).stdout)
        assert (document["run"], document["user_id"]) == (run.record.name, 1)
        expected = best_for(run, 1, rated_by(dataset, 1))
        assert [one["movie_id"] for one in document["movies"]] == expected[:10]
        assert {one["movie_id"] for one in document["rated"]} == rated_by(dataset, 1)
    both = recommend("--user", "1", "--model", "1m-")
    assert both.exit_code == 1
    assert "begins the names of 2 models" in both.stderr


@pytest.mark.usefixtures("sasrec")
def test_fewer_than_asked_are_told_as_such(dataset: Dataset) -> None:
    n_unseen = N_MOVIES - len(rated_by(dataset, 1))
    for options, n, left in (((), n_unseen, " and that were not seen"), (("--include-seen",), N_MOVIES, "")):
        result = recommend("--user", "1", "--top", "1000", *options)
        said = f"{n} of --top 1,000: there are no more that the model knows{left}"
        assert notes(result.stderr)[1:] == [said]
    every = [f"--watched=id:{i}" for i in range(1, N_MOVIES + 1)]
    nothing = recommend(*every, "--json")
    assert nothing.exit_code == 0 and json.loads(nothing.stdout)["movies"] == []
    assert notes(nothing.stderr)[1].startswith("0 of --top 10:")


@pytest.mark.usefixtures("sasrec", "towers")
@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 2, "say to whom: --user 42, or --watched 'Heat (1995)'"),
        (("--top", "3"), 2, "say to whom"),
        (("--user", "1", "--watched", "3"), 2, "give one of them"),
        (("--user", "1", "--top", "0"), 2, "--top is 0; it must be 1 or more"),
        (("--watched", "3", "--top", "-4"), 2, "--top is -4; it must be 1 or more"),
        (("--user", "x"), 2, "'x'"),
        (("--user", "99"), 1, "no user 99 in '1m'; its users have the ids 1 to 12"),
        (("--user", "-1"), 1, "no user -1 in '1m'"),
        (("--watched", "film"), 1, "there is no movie 'film'; the closest are: 1 Fílm 1: it"),
        (("--watched", "3", "--watched", "  "), 1, "a movie's name is empty"),
        (("--watched", "id:99"), 1, "no movie with id:99; the ids are 1 to 15"),
        (("--watched", "3", "--watched", title(3)), 2, f"'{title(3)}' again; name it once"),
        (("--user", "1", "--model", "x"), 1, "there is no saved model 'x'"),
        (("--watched", "3", "--model", "1m-none"), 1, "cannot go on from --watched"),
        (("--user", "1", "--saved_models_dir", "none"), 1, "train one first: movierec train"),
        (("--user", "1", "--dataset", "sample"), 1, "are of 1m, not of 'sample'"),
        (("--user", "1", "--dataset", "2m"), 2, "2m"),
    ],
)
def test_what_cannot_be_done_is_told(args: tuple[str, ...], code: int, message: str) -> None:
    result = recommend(*args, width=200)
    assert result.exit_code == code, result.output
    assert message in words(result.stderr)
    assert result.stdout == ""


def test_a_title_of_several_movies_is_answered_with_them(
    members: Callable[[str], dict[str, bytes]],
    make_archive: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    remade = members("1m")["movies.dat"].replace("Fílm 2:".encode("latin-1"), "Fílm 1:".encode("latin-1"))
    archive = make_archive("1m", replace={"movies.dat": remade})
    judged_run(Path("saved_models"), load_dataset(DataConfig(archive=archive)), sequence_config())
    result = recommend("--archive", str(archive), "--watched", "film 1: it is", width=200)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        "'film 1: it is' fits 2 movies: 1 Fílm 1: it (is) (1981) 2 Fílm 1: it (is) (1982) Say which by its id"
    ) in words(result.stderr)


def test_films_need_a_model_of_sequences(towers: Run, dataset: Dataset) -> None:
    rating_baseline_run(Path("saved_models"), dataset, Family.RATING_BIAS)
    for asked in ((), ("--model", towers.record.name)):
        result = recommend("--watched", "3", *asked, width=300)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "movierec train --model sasrec" in result.stderr


def test_a_movie_that_the_training_left_out_is_named(dataset: Dataset) -> None:
    split = SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=6)
    run = judged_run(Path("saved_models"), dataset, sequence_config(split=split))
    left_out = next(i for i in range(1, N_MOVIES + 1) if i not in run.artifacts.movie_ids)
    result = recommend("--watched", f"id:{left_out}", width=300)
    assert result.exit_code == 1
    assert f"movie {left_out}, '{title(left_out)}', was left out when {run.record.name}" in result.stderr


def test_recommending_to_a_user_needs_no_network(sasrec: Run) -> None:
    script = (
        "import sys\n"
        "from movierec_cli.cli.app import app\n"
        "app(['recommend', '--user', '1'], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'tf_keras', 'jax', 'plotly', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Fílm" in done.stdout
    assert sasrec.record.name in done.stderr
