"""Saved runs that predict ratings, judged beside those that do not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import RATING_BASELINES, Family, SplitConfig
from movierec_cli.data.split import split_ratings
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.experiment.main_job import EvaluationConfig, evaluate_saved
from movierec_cli.experiment.selection import Selection, SplitRequest, select_runs
from movierec_cli.experiment.study import Study
from tests.cli import fake_trainer
from tests.saved_runs import judged_run, multi_task_config, rating_baseline_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset("100k")  # the fake trainer's, under a name that is known


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_trainer.install(monkeypatch)


def rated_names(selection: Selection) -> list[str]:
    return [one.run.record.name for one in selection.rated]


def study(directory: Path, **options: object) -> Study:
    return evaluate_saved(EvaluationConfig(saved_models_dir=directory, **options)).study  # type: ignore[arg-type]


def test_rating_baselines_of_the_same_data_and_split_join_models_that_rate(tmp_path: Path) -> None:
    joint = judged_run(tmp_path, DATASET, multi_task_config())
    own = [rating_baseline_run(tmp_path, DATASET, family) for family in RATING_BASELINES]
    rating_baseline_run(tmp_path, DATASET, Family.GLOBAL_MEAN, split=SplitConfig(test_fraction=0.1))
    rating_baseline_run(tmp_path, replace(DATASET, fingerprint="0" * 64), Family.BIASED_MF)
    selection = select_runs(tmp_path, (joint.record.name,), DATASET)
    assert [one.run.record.name for one in selection.evaluated] == [joint.record.name]
    assert rated_names(selection) == [run.record.name for run in (joint, *own)]


def test_they_do_not_come_where_nothing_else_rates(tmp_path: Path) -> None:
    judged_run(tmp_path, DATASET, run_config())
    rating_baseline_run(tmp_path, DATASET, Family.GLOBAL_MEAN)
    assert rated_names(select_runs(tmp_path, (), DATASET)) == []
    assert study(tmp_path).ratings is None


def test_a_smaller_test_part_is_a_part_of_the_predicted_ratings(tmp_path: Path) -> None:
    run = judged_run(tmp_path, DATASET, multi_task_config())
    rating_baseline_run(tmp_path, DATASET, Family.GLOBAL_MEAN)
    selection = select_runs(tmp_path, (), DATASET, SplitRequest(test_fraction=0.1))
    test = split_ratings(DATASET.ratings, SplitConfig(test_fraction=0.1)).test
    whole = run.rating_outcome
    place = {int(row): number for number, row in enumerate(whole.rows)}
    for one in selection.rated:
        assert one.outcome.rows.tolist() == test.tolist()
        np.testing.assert_array_equal(one.outcome.rating, DATASET.ratings.rating[test])
    joint = selection.rated[0].outcome
    assert joint.predicted.tolist() == [float(whole.predicted[place[int(row)]]) for row in test]


def test_a_study_of_some_that_rate_and_some_that_do_not_has_both_tables(tmp_path: Path) -> None:
    judged_run(tmp_path, DATASET, run_config("timestamp"))
    joint = judged_run(tmp_path, DATASET, multi_task_config())
    rating_baseline_run(tmp_path, DATASET, Family.GLOBAL_MEAN)
    found = study(tmp_path, baselines=(Family.POPULARITY,), users=None)
    labels = ["None (retrieval × 1, rating × 0.3)", "timestamp"]
    assert sorted(one.label for one in found.models) == sorted([*labels, "popularity"])
    assert found.ratings is not None
    assert [one.label for one in found.ratings.models] == [labels[0], "global mean"]
    assert joint.record.name in {one.run_name for user in found.user_lists for one in user.recommended}


def test_of_another_training_part_neither_figure_is_judged(tmp_path: Path) -> None:
    for share in (0.05, 0.1):
        config = replace(multi_task_config(), split=SplitConfig(validation_fraction=share))
        judged_run(tmp_path, DATASET, config)
    selection = select_runs(tmp_path, (), DATASET)
    assert len(selection.evaluated) == len(selection.rated) == len(selection.skipped) == 1
    assert selection.evaluated[0].run is selection.rated[0].run


def test_a_rating_baseline_by_itself_has_nothing_to_be_ranked(tmp_path: Path) -> None:
    run = rating_baseline_run(tmp_path, DATASET, Family.GLOBAL_MEAN)
    with pytest.raises(MovierecError, match="only predicts ratings; name a model that ranks, too"):
        select_runs(tmp_path, (run.record.name,), DATASET)
    other = judged_run(tmp_path, DATASET, run_config())
    selection = select_runs(tmp_path, (run.record.name, other.record.name), DATASET)
    assert rated_names(selection) == [run.record.name]


def test_damaged_ratings_leave_the_whole_run_out(tmp_path: Path) -> None:
    judged_run(tmp_path, DATASET, run_config())
    damaged = judged_run(tmp_path, DATASET, multi_task_config())
    (damaged.folder / "ratings.npz").write_bytes(b"no ratings")
    selection = select_runs(tmp_path, (), DATASET)
    assert (len(selection.evaluated), selection.rated) == (1, ())
    assert "ratings.npz is damaged" in selection.skipped[0].message
    with pytest.raises(SavedModelError, match="damaged"):
        select_runs(tmp_path, (damaged.record.name,), DATASET)
