"""The options that say what a model learns, as weights; and what a sweep of them shows."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from movierec_cli.cli.app import app
from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.cli.parsing.values import complete_rating_baseline, complete_task
from movierec_cli.config import RATING_BASELINES, Family, TaskWeights
from movierec_cli.errors import UsageError
from tests.cli import fake_trainer

USUAL = (TaskWeights.retrieval, TaskWeights.rating)


def asked(line: str) -> TaskRequest:
    """ "--tasks a,b --rating_weight 1" without the parser."""
    words = shlex.split(line)
    names = [word.removeprefix("--") for word in words[::2]]
    return TaskRequest(**dict(zip(names, words[1::2], strict=True)))


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--tasks ranking", "unknown task 'ranking'; known: retrieval, rating"),
        ("--tasks ,", "--tasks is ','; it needs one value or more"),
        (
            "--tasks retrieval --rating_weight 1",
            "--rating_weight is 1, but --tasks leaves rating out; use --tasks ret",
        ),
        ("--tasks rating --retrieval_weight 1", "--retrieval_weight is 1, but --tasks leaves retrieval out"),
        (
            "--tasks retrieval --retrieval_weight 2",
            "nothing to weigh it against; use --tasks retrieval rating",
        ),
        ("--rating_weight 0,x", "--rating_weight is '0 x'; it takes numbers such as 0 0.3 1"),
        ("--rating_weight inf", "--rating_weight is 'inf'; it takes numbers"),
        ("--rating_weight nan", "--rating_weight is 'nan'; it takes numbers"),
        ("--rating_weight -1", "--rating_weight is -1.0; it must be 0 or more"),
        ("--rating_weight 0 --retrieval_weight 0", "must be above 0 where --rating_weight is 0"),
        ("--tasks rating --rating_weight 0", "must be above 0 where --rating_weight is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(line: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        asked(line).weights()
    assert words in str(raised.value)


def test_rating_baselines_are_all_of_them_unless_some_are_named() -> None:
    assert asked("--tasks rating").baselines() == RATING_BASELINES
    assert asked("--tasks rating --rating_baselines biased_mf,Global-Mean").baselines() == (
        Family.BIASED_MF,
        Family.GLOBAL_MEAN,
    )
    assert asked("--tasks rating --rating_baselines None").baselines() == ()
    with pytest.raises(UsageError, match="no model predicts ratings; add --tasks retrieval rating"):
        asked("--rating_baselines all").baselines()
    with pytest.raises(UsageError, match="--rating_baselines: unknown baseline 'ease'; known: global-mean"):
        asked("--tasks rating --rating_baselines ease").baselines()


def test_the_shell_completes_tasks_and_rating_baselines_after_a_comma_too() -> None:
    assert complete_task("r") == ["retrieval", "rating"]
    assert complete_task("retrieval,ra") == ["retrieval,rating"]
    assert complete_rating_baseline("global-mean,b") == ["global-mean,biased-mf"]


@pytest.fixture
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)


def run(line: str) -> Result:
    return CliRunner().invoke(app, shlex.split(line), prog_name="movierec", env={"COLUMNS": "160"})


SWEEP = (
    "train --additional_feature_sets None --tasks retrieval rating --rating_weight 0 0.3 1"
    " --baselines popularity"
)


@pytest.mark.usefixtures("_fake")
def test_a_sweep_trains_each_set_with_each_weight_and_shows_one_table(tmp_path: Path) -> None:
    result = run(SWEEP)
    assert result.exit_code == 0, result.output
    assert fake_trainer.configs[-1].tasks == tuple(TaskWeights(rating=rating) for rating in (0, 0.3, 1))
    table = result.stdout.partition("Predicted ratings")[2]
    for label in ("None (retrieval × 1, rating × 0.3)", "global mean", "user + movie bias", "biased MF"):
        assert label in table
    assert "predicting ratings" in " ".join(table.split())
    assert 'id="ratings-chart"' in (tmp_path / "movierec.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("_fake")
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


@pytest.mark.usefixtures("_fake")
def test_retrieval_alone_shows_nothing_of_ratings(tmp_path: Path) -> None:
    line = "train --additional_feature_sets None"
    result = run(line)
    assert result.exit_code == 0, result.output
    assert fake_trainer.configs[-1].tasks == ()
    assert "RMSE" not in result.stdout
    assert 'id="ratings-chart"' not in (tmp_path / "movierec.html").read_text(encoding="utf-8")
    assert json.loads(run(f"{line} --json").stdout)["study"]["ratings"] is None


@pytest.mark.usefixtures("_fake")
def test_wrong_tasks_end_with_2_before_anything_is_loaded() -> None:
    result = run("train --tasks retrieval --rating_weight 1")
    assert result.exit_code == 2
    assert "--tasks retrieval rating" in " ".join(result.stderr.split())
    assert fake_trainer.configs == []
