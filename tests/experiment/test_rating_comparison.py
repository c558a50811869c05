"""From predicted ratings to who predicts them best, and who is on the front."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from movierec_cli.config import RATING_BASELINES, Family, SplitConfig
from movierec_cli.data.split_data import split_data
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.experiment.comparison import compare_runs, pareto_front
from movierec_cli.experiment.selection import EvaluatedRatings, EvaluatedRun, on_own_test
from movierec_cli.experiment.study import Study
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, multi_task_config, rating_baseline_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
DATA = split_data(DATASET, SplitConfig())
SPLIT = DATA.split


def saved(directory: Path, *wanted: RunConfig | Family) -> list[Run]:
    runs = []
    for one in wanted:
        if isinstance(one, Family):
            runs.append(rating_baseline_run(directory, DATASET, one))
        else:
            runs.append(judged_run(directory, DATASET, one))
    return runs


def study_of(runs: list[Run]) -> Study:
    ranked, rated = on_own_test(runs)
    return compare_runs(DATA, ranked, rated=rated)


def errors(run: Run) -> np.ndarray:
    return run.rating_outcome.predicted.astype(float) - DATASET.ratings.rating[SPLIT.test]


def test_errors_are_means_of_the_seeds_and_differences_are_none_between_baselines(tmp_path: Path) -> None:
    joints = [multi_task_config(seed=1), multi_task_config("timestamp"), multi_task_config(seed=2)]
    runs = saved(tmp_path, *RATING_BASELINES, *joints)
    found = study_of(runs).ratings
    assert found is not None
    first, other, second = runs[3:]
    groups = [[first, second], [other], *([run] for run in runs[:3])]
    for one, own in zip(found.models, groups, strict=True):
        assert one.records == tuple(run.record for run in own)
        rmse = np.mean([np.sqrt(np.mean(errors(run) ** 2)) for run in own])
        assert one.rmse.mean == pytest.approx(rmse)
        assert one.mae.mean == pytest.approx(np.mean([np.abs(errors(run)).mean() for run in own]))
        assert one.rmse.low < rmse < one.rmse.high
    rmse_of = {one.label: one.rmse.mean for one in found.models}
    assert len(found.differences) == 1 + 2 * 3
    for difference in found.differences:
        assert difference.a not in {family.label for family in RATING_BASELINES}
        assert difference.difference.mean == pytest.approx(rmse_of[difference.a] - rmse_of[difference.b])


def test_a_model_is_called_alike_in_both_tables_and_only_rankers_are_in_the_ranking(tmp_path: Path) -> None:
    default_settings = multi_task_config("timestamp")
    assert default_settings.model is not None
    small = replace(default_settings, model=replace(default_settings.model, embedding_size=8))
    runs = saved(
        tmp_path,
        Family.BIASED_MF,
        run_config("timestamp"),
        multi_task_config("timestamp"),
        small,
        multi_task_config("timestamp", rating=1.0),
        multi_task_config("timestamp", rating=1.0000001),
    )
    study = study_of(runs)
    assert study.ratings is not None
    labels = [one.label for one in study.models]
    assert labels == [
        "timestamp",
        "timestamp (retrieval × 1, rating × 0.3) (embedding_size 64)",
        "timestamp (retrieval × 1, rating × 0.3) (embedding_size 8)",
        "timestamp (retrieval × 1, rating × 1) (embedding_size 64, rating_weight 1.0)",
        "timestamp (retrieval × 1, rating × 1) (embedding_size 64, rating_weight 1.0000001)",
    ]
    assert [one.label for one in study.ratings.models] == [*labels[1:], "biased MF"]


def test_features_are_compared_among_models_of_the_same_weights(tmp_path: Path) -> None:
    sets = [(features, rating) for features in ((), ("timestamp",)) for rating in (0.1, 1.0)]
    runs = saved(tmp_path, *(multi_task_config(*features, rating=rating) for features, rating in sets))
    study = study_of(runs)
    (gain,) = study.ablation
    means = {one.label: one.metrics[study.headline].mean for one in study.models}
    alike = [
        means[f"timestamp (retrieval × 1, rating × {rating})"]
        - means[f"None (retrieval × 1, rating × {rating})"]
        for rating in ("0.1", "1")
    ]
    assert gain.n_pairs == 1
    assert gain.difference.mean in [pytest.approx(value) for value in alike]
    (sentence,) = [one for one in study.answer if one.startswith("timestamp ") and "None (" in one]
    assert "None (retrieval × 1, rating × 0.1)" in sentence


def test_a_model_that_need_not_rank_is_not_warned_of(tmp_path: Path) -> None:
    runs = saved(tmp_path, multi_task_config(retrieval=0, rating=1), multi_task_config())
    popularity = judged_run(tmp_path, DATASET, run_config())
    best = replace(popularity.record, config=RunConfig(family=Family.EASE, split=SplitConfig()))
    study = study_of([*runs, _with_outcome(Run(best, popularity.folder), popularity)])
    warned = " ".join(study.warnings)
    assert "None (retrieval × 0" not in warned
    assert re.search(r"from EASE in ndcg@10 \(.*: None \(retrieval × 1, rating × 0\.3\)", warned)


def _with_outcome(run: Run, other: Run) -> Run:
    vars(run)["outcome"] = other.outcome
    return run


def test_the_front_is_of_both_figures_and_has_no_baseline(tmp_path: Path) -> None:
    configs = [multi_task_config(rating=rating) for rating in (0.1, 0.3, 1.0, 3.0, 10.0)]
    study = study_of(saved(tmp_path, *configs, *RATING_BASELINES))
    assert study.ratings is not None
    reached = {one.label: one.metrics[study.headline].mean for one in study.models}
    own = {one.label: one for one in study.ratings.models if not one.is_baseline}
    front = pareto_front({label: (one.rmse.mean, reached[label]) for label, one in own.items()})
    assert {one.label for one in study.ratings.models if one.is_on_front} == front
    assert 1 <= len(front) < len(own)


POINTS = st.dictionaries(
    st.integers(0, 50).map(str), st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12
)


@given(points=POINTS)
def test_the_front_is_what_a_walk_from_the_lowest_error_upwards_meets(
    points: dict[str, tuple[float, float]],
) -> None:
    highest, front = -1.0, set[tuple[float, float]]()
    for rmse, metric in sorted(set(points.values()), key=lambda point: (point[0], -point[1])):
        if metric > highest:
            front.add((rmse, metric))
            highest = metric
    assert pareto_front(points) == {label for label, point in points.items() if point in front}


def test_different_test_ratings_are_refused(tmp_path: Path) -> None:
    joint, mean = saved(tmp_path, multi_task_config(), Family.GLOBAL_MEAN)
    outcome = mean.rating_outcome
    part = RatingOutcome(outcome.rows[1:], outcome.user_index[1:], outcome.rating[1:], outcome.predicted[1:])
    rated = [EvaluatedRatings(joint, joint.rating_outcome), EvaluatedRatings(mean, part)]
    with pytest.raises(
        MovierecError, match=r"global-mean.* predicts 61 test ratings, and .* 62 that are not the same"
    ):
        compare_runs(DATA, [EvaluatedRun(joint, joint.outcome)], rated=rated)
