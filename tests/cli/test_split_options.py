"""Splits that come with the data, and cross-validation, from the command line on."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.data.dataset import TEST, TRAIN, Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.evaluation.metrics import metric_values
from movierec_cli.experiment import loading
from movierec_cli.registry.store import list_runs
from tests.cli.running import check_row, rows, run, words
from tests.data.own_archives import MakeArchive, Members
from tests.small_dataset import N_USERS, small_dataset

pytestmark = pytest.mark.usefixtures("fake_trainings")

TRAIN_NONE = "train --dataset sample --additional_feature_sets None --baselines popularity"


def with_part(newest: int) -> Dataset:
    """Each user's `newest` last ratings are the test part; 0: the first two."""
    source = small_dataset("sample")
    part = np.full(len(source.ratings), TRAIN, np.int8)
    starts = np.cumsum([0, *(6 + np.arange(N_USERS))])
    for first, end in pairwise(starts):
        part[slice(end - newest, end) if newest else slice(first, first + 2)] = TEST
    return replace(source, ratings=replace(source.ratings, part=part))


def load_with_part(monkeypatch: pytest.MonkeyPatch, newest: int) -> Dataset:
    dataset = with_part(newest)
    monkeypatch.setattr(loading, "load_dataset", lambda *_, **__: dataset)
    return dataset


def document(line: str) -> Any:
    result = run(f"{line} --json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_split_that_came_with_the_data_is_the_default_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_with_part(monkeypatch, newest=2)
    result = run(f"{TRAIN_NONE} --details")
    said = (
        "The data come with a split, which is used: --split given; validation ratings are drawn from train."
    )
    assert said in words(result.stderr)
    assert "given split: train" in words(result.stdout) and "n the given split, " in words(result.stdout)
    for saved in list_runs(Path("saved_models"))[0]:
        assert saved.record.config.split.kind == "given"
        np.testing.assert_array_equal(saved.outcome.rows, np.flatnonzero(dataset.ratings.part == TEST))
    assert document("evaluate --dataset sample")["split"]["kind"] == "given"
    assert "cold-users" in str(document("doctor --dataset sample")["checked"])
    other = run(f"{TRAIN_NONE} --split temporal --details")
    assert "The data come with a split, which is not used; --split given uses it." in words(other.stderr)
    assert "temporal split: train" in words(other.stdout)


def test_models_of_the_order_of_movies_take_it_where_it_tests_what_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_with_part(monkeypatch, newest=2)
    line = "train --dataset sample --family sasrec --baselines None"
    split = document(line)["study"]["split"]
    assert (split["kind"], split["k_core"]) == ("given", 0)
    load_with_part(monkeypatch, newest=0)
    refused = run(line)
    assert refused.exit_code == 1
    assert "40 of 40 test ratings are older than their user's newest training" in words(refused.stderr)


REFUSED = """
1 | train --dataset sample --split given | --split given needs data that come with a split: train and test
1 | train --dataset sample --split u1 | sample has no u1.base and u1.test; use --split random
1 | doctor --dataset sample --split ua | sample has no ua.base and ua.test; use --split random
2 | train --family sasrec --split u1 | --split u1 holds out ratings wherever they are in their user's order
2 | train --folds 1 | --folds is 1; it must be 0 (none) or 2 to 100
2 | train --folds 3 --split temporal | so it needs --split random; the split is temporal
2 | train --folds 3 --family sasrec | so it needs --split random; the split is leave-last
2 | train --folds 3 --seeds 2 | --seeds 2 is not for --folds 3, which trains each model 3 times already
2 | train --folds 100 --rating_weight 1 2 3 4 5 6 | 5 feature sets × 6 weights × 100 folds are 3,000 trainings
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_cannot_be_is_refused(row: str) -> None:
    check_row(row)


def test_a_run_on_a_published_split_is_found_again(
    make_archive: MakeArchive, members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = members("100k")["u.data"].splitlines(keepends=True)
    archive = make_archive("100k", replace={"u5.base": b"".join(lines[:72]), "u5.test": b"".join(lines[72:])})
    monkeypatch.setattr(loading, "load_dataset", load_dataset)
    line = f"train --archive {archive} --additional_feature_sets None --baselines popularity --split u5"
    first, again = document(line), document(line)
    assert first["study"]["split"]["kind"] == "u5" and first["study"]["split_summary"]["n_test"] == 24
    assert [one["folder"] for one in first["runs"]] == [one["folder"] for one in again["runs"]]
    evaluated = document(f"evaluate --archive {archive} --baselines popularity")
    assert evaluated["models"] == again["study"]["models"]
    other = run(f"evaluate --archive {archive} --split random")
    assert other.exit_code == 1 and "evaluate it on its own split (--split u5)" in words(other.stderr)


def test_folds_are_runs_of_their_own_and_one_model_in_the_study() -> None:
    line = f"{TRAIN_NONE} --folds 3 --generate_recommendations_for_user 1"
    result = run(f"{line} --details")
    told = words(result.stdout)
    assert "[2/6] None, fold 2: 20 epochs" in words(result.stderr)
    assert result.stdout.count("None × 3 folds") and result.stdout.count("Recommended with:") == 1
    assert "3-fold cross-validation, every rating is tested once; fold 1 of 3: train" in told
    assert "3-fold cross-validation: every rating is tested once, by models trained without it" in told
    assert "--seeds 3 covers both" not in told and "n 3-fold cross-validation, " in told
    assert "Fold 1: " in told
    found = document(line)
    assert [one["record"]["config"]["split"]["fold"] for one in found["runs"]] == [0, 1, 2] * 2
    assert "[6/6] popularity, fold 3: loaded" in words(run(line).stderr)
    page = Path("movierec.html").read_text(encoding="utf-8")
    assert "3-fold cross-validation" in page and "None, fold 3" in page

    runs = [one for one in list_runs(Path("saved_models"))[0] if one.record.config.family.is_trained]
    tested = np.concatenate([one.outcome.rows for one in runs])
    assert sorted(tested.tolist()) == list(range(len(small_dataset().ratings)))
    of_users: dict[int, list[float]] = {}
    for one in runs:
        warm = one.outcome.warm
        for user, value in zip(warm.users.tolist(), metric_values(warm, "recall@10"), strict=True):
            of_users.setdefault(user, []).append(value)
    (model, _) = found["study"]["models"]
    mean = np.mean([np.mean(values) for values in of_users.values()])
    assert model["metrics"]["recall@10"]["mean"] == pytest.approx(mean)
    assert min(map(len, of_users.values())) < 3  # not every user is in every fold

    refused = run(f"evaluate {runs[0].record.name}")
    assert refused.exit_code == 1 and "it is of one fold of a cross-validation" in words(refused.stderr)


def test_ratings_are_predicted_for_all_folds_together() -> None:
    line = f"{TRAIN_NONE} --folds 3 --tasks retrieval rating --rating_baselines global-mean"
    models = document(line)["study"]["ratings"]["models"]
    runs = list_runs(Path("saved_models"))[0]
    for model, is_trained in zip(models, (True, False), strict=True):
        own = [one for one in runs if one.record.config.family.is_trained is is_trained]
        outcomes = [one.rating_outcome for one in own if one.record.config.family.rates]
        squares = np.concatenate([(one.predicted - one.rating) ** 2 for one in outcomes])
        assert len(squares) == len(small_dataset().ratings)
        assert model["rmse"]["mean"] == pytest.approx(np.sqrt(squares.mean()), rel=1e-6)
