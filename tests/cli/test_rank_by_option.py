"""`movierec train --rank_by`: how the recommendations are ordered."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.config import RankBy
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import load_run
from tests.cli import fake_trainer

TRAIN = "train --additional_feature_sets None --baselines None"
FOR_USER = "--generate_recommendations_for_user 3"


@pytest.fixture(autouse=True)
def _trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def run(line: str) -> Any:
    return CliRunner().invoke(
        app, shlex.split(line), prog_name="movierec", env={"COLUMNS": "100", "TERMINAL_WIDTH": "80"}
    )


@pytest.mark.parametrize("option", ["--rank_by", "--rank-by"])
@pytest.mark.parametrize("rank_by", RankBy)
def test_recommendations_come_in_the_requested_order(rank_by: RankBy, option: str) -> None:
    result = run(f"{TRAIN} --tasks retrieval rating {FOR_USER} {option} {rank_by} --json")
    assert result.exit_code == 0, result.output
    (model,) = json.loads(result.stdout)["recommendations"]["models"]
    saved = load_run(Path("saved_models") / model["run"])
    expected = recommend(saved, user_of(saved, 3), rank_by=rank_by)
    assert model["rank_by"] == rank_by
    assert model["tasks"] == {"retrieval": 1.0, "rating": saved.record.config.tasks.rating}
    assert [(movie["movie_id"], movie["stars"]) for movie in model["movies"]] == [
        (movie.movie_id, movie.stars) for movie in expected.movies
    ]


def test_lists_show_predicted_stars_where_there_are_some() -> None:
    assert "predicted  title" in run(f"{TRAIN} --tasks retrieval rating {FOR_USER}").stdout
    assert "predicted  title" not in run(f"{TRAIN} {FOR_USER}").stdout


@pytest.mark.parametrize("tasks", ["", "--tasks retrieval rating --rating_weight 0 1"])
@pytest.mark.parametrize("rank_by", ["rating", "blend"])
def test_models_without_ratings_are_refused_before_the_training(tasks: str, rank_by: str) -> None:
    result = run(f"{TRAIN} {tasks} {FOR_USER} --rank_by {rank_by}")
    assert result.exit_code == 2
    assert f"--rank_by {rank_by} needs models that predict ratings" in " ".join(result.stderr.split())
    assert "movierec train --tasks retrieval rating" in " ".join(result.stderr.split())
    assert not Path("saved_models").exists()


def test_an_order_that_is_none_is_refused() -> None:
    result = run(f"{TRAIN} --rank_by stars")
    assert result.exit_code == 2
    assert "stars" in result.stderr
