"""The options that say what a model learns, as weights; and what a sweep of them shows."""

import json
import shlex
from pathlib import Path

import pytest

from movierec_cli.config import RATING_BASELINES, Family, RankBy, TaskWeights
from movierec_cli.config.task_options import TaskRequest
from movierec_cli.config.train_options import part_of, read_options
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import load_run
from tests.cli import fake_trainer
from tests.cli.running import check_row, rows, run

pytestmark = pytest.mark.usefixtures("fake_trainings")

USUAL = (TaskWeights.retrieval, TaskWeights.rating)


def asked(line: str) -> TaskRequest:
    """ "--tasks a,b --rating_weight 1" without the parser."""
    words = shlex.split(line)
    names = [word.removeprefix("--") for word in words[::2]]
    given: TaskRequest = part_of(TaskRequest, read_options(dict(zip(names, words[1::2], strict=True))))
    return given


def weights(line: str) -> list[tuple[float, float]]:
    return [(one.retrieval, one.rating) for one in asked(line).weights()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("--tasks retrieval", []),
        ("--tasks retrieval,rating", [USUAL]),
        ("--tasks 'Rating retrieval'", [USUAL]),
        ("--tasks rating", [(0, TaskWeights.rating)]),
        ("--tasks rating --rating_weight 2", [(0, 2)]),
        ("--rating_weight 0,0.1,1", [(1, 0), (1, 0.1), (1, 1)]),
        ("--retrieval_weight 2", [(2, TaskWeights.rating)]),
        (
            "--tasks retrieval,rating --rating_weight '0 1' --retrieval_weight 1,2",
            [(1, 0), (1, 1), (2, 0), (2, 1)],
        ),
        ("--rating_weight 1,1.0,0.5,1", [(1, 1), (1, 0.5)]),
        ("--retrieval_weight 0,1 --rating_weight 0,1", [(0, 1), (1, 0), (1, 1)]),
    ],
)
def test_every_combination_of_weights_counts_once(line: str, expected: list[tuple[float, float]]) -> None:
    assert weights(line) == expected


REFUSED = """
2 | train --tasks ranking | unknown task 'ranking'; known: retrieval, rating
2 | train --tasks , | --tasks is ','; it needs one value or more
2 | train --tasks retrieval --rating_weight 1 | --rating_weight is 1, but --tasks leaves rating out
2 | train --tasks rating --retrieval_weight 1 | --retrieval_weight is 1, but --tasks leaves retrieval out
2 | train --tasks retrieval --retrieval_weight 2 | nothing to weigh it against; use --tasks retrieval rating
2 | train --rating_weight 0,x | --rating_weight is '0 x'; it takes numbers such as 0 0.3 1
2 | train --rating_weight inf | --rating_weight is 'inf'; it takes numbers
2 | train --rating_weight nan | --rating_weight is 'nan'; it takes numbers
2 | train --rating_weight -1 | --rating_weight is -1.0; it must be 0 or more
2 | train --rating_weight 0 --retrieval_weight 0 | must be above 0 where --rating_weight is 0
2 | train --tasks rating --rating_weight 0 | must be above 0 where --rating_weight is 0
2 | train --rating_baselines all | no model predicts ratings; add --tasks retrieval rating
2 | train --tasks rating --rating_baselines ease | --rating_baselines: unknown baseline 'ease'; known: global
2 | train --generate_recommendations_for_user 3 --rank_by rating | needs models that predict ratings \
| movierec train --tasks retrieval rating
2 | train --generate_recommendations_for_user 3 --rank_by blend --rating_weight 0 1 | --rank_by blend needs
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_cannot_be_meant_is_refused_with_a_remedy(row: str) -> None:
    check_row(row)


def test_rating_baselines_are_all_of_them_unless_some_are_named() -> None:
    weights = (TaskWeights(),)
    assert asked("--tasks rating").baselines(weights) == RATING_BASELINES
    assert asked("--tasks rating --rating_baselines biased_mf,Global-Mean").baselines(weights) == (
        Family.BIASED_MF,
        Family.GLOBAL_MEAN,
    )
    assert asked("--tasks rating --rating_baselines None").baselines(weights) == ()


SWEEP = (
    "train --additional_feature_sets None --tasks retrieval rating --rating_weight 0 0.3 1"
    " --baselines popularity"
)


def test_a_sweep_trains_each_set_with_each_weight_and_shows_one_table(tmp_path: Path) -> None:
    result = run(SWEEP)
    assert result.exit_code == 0, result.output
    assert fake_trainer.configs[-1].tasks == tuple(TaskWeights(rating=rating) for rating in (0, 0.3, 1))
    table = result.stdout.partition("Predicted ratings")[2]
    for label in ("None (retrieval × 1, rating × 1)", "global mean", "user + movie bias", "biased MF"):
        assert label in table
    assert "predicting ratings" in " ".join(result.stdout.split())
    assert 'id="ratings-chart"' in (tmp_path / "movierec.html").read_text(encoding="utf-8")


def test_the_document_of_a_sweep_has_records_and_the_rating_study() -> None:
    result = run(f"{SWEEP} --json --seeds 2")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    ratings = document["study"]["ratings"]
    runs = {one["record"]["name"]: one["record"] for one in document["runs"]}
    assert [len(one["runs"]) for one in ratings["models"]] == [2, 2, 2, 1, 1, 1]
    for one in ratings["models"]:
        errors = [runs[name]["ratings"]["rmse"] for name in one["runs"]]
        assert one["rmse"]["mean"] == pytest.approx(sum(errors) / len(errors), rel=1e-6)
    ranked = [one["label"] for one in document["study"]["models"]]
    assert [one["label"] for one in ratings["models"][:3]] == ranked[:3]


def test_lists_and_tables_show_ratings_where_they_are_predicted_only(tmp_path: Path) -> None:
    line = f"{TRAIN} {FOR_USER}"
    assert "predicted  title" in run(f"{line} --tasks retrieval rating").stdout
    result = run(line)
    assert fake_trainer.configs[-1].tasks == ()
    assert "RMSE" not in result.stdout and "predicted  title" not in result.stdout
    assert 'id="ratings-chart"' not in (tmp_path / "movierec.html").read_text(encoding="utf-8")
    assert json.loads(run(f"{line} --json").stdout)["study"]["ratings"] is None


TRAIN = "train --additional_feature_sets None --baselines None"
FOR_USER = "--generate_recommendations_for_user 3"


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
