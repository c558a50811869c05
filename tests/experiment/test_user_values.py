"""What a run did for each user, and for those of a segment, against outcomes that are cut apart."""

from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import SplitConfig
from movierec_cli.data.split_data import split_data
from movierec_cli.evaluation.metrics import metric_values, study_metrics
from movierec_cli.evaluation.segments import segments
from movierec_cli.experiment.selection import EvaluatedRun
from movierec_cli.experiment.user_values import UserValues
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SPLIT = split_data(DATASET, SplitConfig()).split
METRICS = study_metrics([1, 10])


@pytest.fixture
def one(tmp_path: Path) -> EvaluatedRun:
    run = judged_run(tmp_path, DATASET, run_config(), seed=3)
    return EvaluatedRun(run, run.outcome)


def test_each_user_and_each_segment_has_the_metrics_of_what_they_have(one: EvaluatedRun) -> None:
    masks = segments(DATASET, SPLIT.fit, one.outcome)
    found = UserValues.of(one, METRICS, [mask.targets for mask in masks])
    for name in METRICS:
        expected = metric_values(one.outcome, name)
        np.testing.assert_allclose(found.of_users[name], expected, rtol=1e-12)
    of_users = of_movies = 0
    for mask, means in zip(masks, found.of_segments, strict=True):
        if not mask.targets.any():
            assert means == {}
            continue
        part = one.outcome.of_targets(mask.targets)
        for name in METRICS:
            assert means[name] == pytest.approx(metric_values(part, name).mean(), rel=1e-12), mask.name
        of_users += mask.dimension == "user activity"
        of_movies += mask.dimension == "genre"
    assert of_users and of_movies


def test_a_part_knows_the_places_of_its_users(one: EvaluatedRun) -> None:
    targets = np.random.default_rng(1).random(len(one.outcome.rows)) < 0.1
    part = one.outcome.of_targets(targets)
    assert part.user_place.tolist() == np.searchsorted(part.users, part.user_index).tolist()
