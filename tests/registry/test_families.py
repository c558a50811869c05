"""What a run of each family consists of, and how a model with two tasks is named."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import RATING_BASELINES, Family, SplitConfig, TaskWeights
from movierec_cli.errors import SavedModelError
from movierec_cli.evaluation.metrics import NO_TOP_K
from movierec_cli.registry import store
from movierec_cli.registry.record import RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import RunParts, files_of
from movierec_cli.storage import codec
from tests.saved_runs import (
    baseline_parts,
    data_identity,
    judged_run,
    multi_task_config,
    rating_baseline_run,
    rating_head,
    run_artifacts,
    run_config,
    run_outcome,
    run_parts,
    run_record,
    save_run,
)
from tests.small_dataset import small_dataset

TRAINED = {"artifacts.npz", "catalogue.npz", "user_ratings.npz"}
JUDGED = {"outcome.npz", "test_ratings.npz"}
WEIGHTS = {"histories.npz", "item_weights.npz"}
TOWERS = {*TRAINED, "towers.npz"}


def test_the_files_of_a_run_follow_from_its_family():
    assert files_of(Family.TWO_TOWER) == {*JUDGED, *TOWERS}
    assert files_of(Family.MULTI_TASK) == {*JUDGED, "ratings.npz", "rating_head.npz", *TOWERS}
    assert files_of(Family.SASREC) == files_of(Family.GRU4REC) == {*JUDGED, *TRAINED}
    assert files_of(Family.ITEM_KNN) == {*JUDGED, *TRAINED, *WEIGHTS}
    assert files_of(Family.IALS) == files_of(Family.POPULARITY) == {*JUDGED, *TRAINED}
    for family in RATING_BASELINES:
        assert files_of(family) == {"ratings.npz"}


def test_a_model_with_two_tasks_has_all_that_both_need(tmp_path: Path):
    saved = judged_run(tmp_path, small_dataset(), multi_task_config("timestamp"))
    assert {file.name for file in saved.folder.iterdir()} == files_of(Family.MULTI_TASK) | {"run.json"}
    found = store.find_run(tmp_path, saved.record.config, saved.record.data)
    assert found is not None and found.record == saved.record and found.record.ratings is not None
    test = found.rating_outcome
    ratings = small_dataset().ratings
    np.testing.assert_array_equal(test.rows, found.outcome.rows)
    np.testing.assert_array_equal(test.rating, ratings.rating[test.rows])
    stars = found.rating_head.stars(ratings.user_index[test.rows], ratings.movie_index[test.rows])
    np.testing.assert_array_equal(stars, test.predicted)
    assert len(found.artifacts.movie_ids) == len(found.rating_head.movie_bias)


def baseline_record(family: Family = Family.EASE) -> RunRecord:
    config = RunConfig(family=family, split=SplitConfig())
    record = run_record()
    none = {"best_epoch": 0, "epochs_run": 0, "history": ()}
    return replace(record, config=config, name=run_name(config, record.data), settings={"l2": 300.0}, **none)


@pytest.mark.parametrize("family", RATING_BASELINES)
def test_a_rating_baseline_is_a_record_and_its_ratings(tmp_path: Path, family: Family):
    saved = rating_baseline_run(tmp_path, small_dataset(), family)
    assert {file.name for file in saved.folder.iterdir()} == {"ratings.npz", "run.json"}
    (found,), problems = store.list_runs(tmp_path)
    assert problems == [] and found.record == saved.record
    assert found.record.test == NO_TOP_K and found.record.name.startswith(f"small-{family}-")
    assert codec.to_bytes(found.rating_outcome) == codec.to_bytes(saved.rating_outcome)


def test_each_baseline_is_another_run(tmp_path: Path):
    families = (Family.EASE, Family.POPULARITY, Family.RECENT_POPULARITY, Family.IALS, Family.ITEM_KNN)
    for family in families:
        saved = store.save_run(
            tmp_path, baseline_record(family), baseline_parts(run_outcome(), run_artifacts(), family)
        )
        assert saved.record.name.startswith(f"1m-{family}-")
        assert {file.name for file in saved.folder.iterdir()} == files_of(family) | {"run.json"}
        found = store.find_run(tmp_path, saved.record.config, saved.record.data)
        assert found is not None and found.record == saved.record
        assert codec.to_bytes(found.outcome) == codec.to_bytes(run_outcome())
    assert {run.record.config.family for run in store.list_runs(tmp_path)[0]} == set(families)


def test_parts_that_a_family_has_not_are_refused_in_words(tmp_path: Path):
    baseline = rating_baseline_run(tmp_path, small_dataset(), Family.RATING_BIAS)
    two_tower = save_run(tmp_path, run_record(), run_artifacts())
    with pytest.raises(SavedModelError, match=r"holds a baseline, which has no outcome\.npz"):
        _ = baseline.outcome
    with pytest.raises(SavedModelError, match=r"holds a baseline, which has no rating_head\.npz"):
        _ = baseline.rating_head
    with pytest.raises(SavedModelError, match=r"holds a two towers model, which has no ratings\.npz"):
        _ = two_tower.rating_outcome


WRONG_FILES = [
    (baseline_record(), run_parts(run_artifacts())),
    (run_record(), RunParts(outcome=run_outcome())),
    (run_record(), replace(run_parts(run_artifacts()), rating_head=rating_head())),
]


def test_a_family_with_the_wrong_files_is_refused(tmp_path: Path):
    saved = judged_run(tmp_path / "whole", small_dataset(), multi_task_config())
    parts = [replace(saved.parts(), **{name: None}) for name in ("rating_outcome", "rating_head", "outcome")]
    for record, wrong in (*WRONG_FILES, *((saved.record, one) for one in parts)):
        with pytest.raises(ValueError, match=f"{record.config.family} has other files than"):
            store.save_run(tmp_path / "part", record, wrong)
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize(
    ("weights", "readable"),
    [
        (TaskWeights(), "1m-timestamp-rating-0.3-retrieval-1"),
        (TaskWeights(rating=0.0), "1m-timestamp-rating-0-retrieval-1"),
        (TaskWeights(retrieval=0.0, rating=1e7), "1m-timestamp-rating-1e07-retrieval-0"),
        (TaskWeights(rating=1e-5), "1m-timestamp-rating-1e-05-retrieval-1"),
    ],
)
def test_the_name_of_a_model_with_two_tasks_tells_the_weights(weights: TaskWeights, readable: str):
    config = replace(multi_task_config("timestamp"), tasks=weights)
    assert re.fullmatch(rf"{re.escape(readable)}-[0-9a-f]{{12}}", run_name(config, data_identity()))
    every = ("timestamp", "movie_title_text", "movie_genres", "movie_length", "user_history", "day_of_week")
    long = run_name(replace(multi_task_config(*every), tasks=weights), data_identity())
    assert len(long) <= 80 and readable.removeprefix("1m-timestamp") in long


def test_each_weight_is_another_run_and_none_is_the_two_tower_model():
    configs = [
        run_config("timestamp"),
        *(multi_task_config("timestamp", rating=weight) for weight in (0.0, 0.1, 0.3)),
        multi_task_config("timestamp", rating=0.3, retrieval=0.0),
    ]
    assert len({run_name(config, data_identity()) for config in configs}) == len(configs)
