"""A judged model trained on with all ratings: what it knows then, and where it is and is not used."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import (
    Family,
    FeatureSet,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
)
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import NO_TOP_K, metric_values
from movierec_cli.experiment.trainer import RunTrainer, deploy
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run, list_runs
from tests.cli import fake_trainer
from tests.cli.running import run, words
from tests.small_dataset import small_dataset

DATASET = small_dataset()
TOWERS = TowerConfig(embedding_size=8, layer_sizes=(8,), dropout=0.0, l2=0.0)
SEQUENCES = SequenceConfig(embedding_size=8, hidden_size=8, num_layers=1, num_negatives=8, dropout=0.0)


class Epochs(TrainingObserver):
    def __init__(self) -> None:
        self.refits: list[int] = []

    def refit_started(self, num_epochs: int) -> None:
        self.refits.append(num_epochs)


def place_of_tests(one: Run, tested: np.ndarray) -> float:
    """The mean share of movies that score higher for their user than a test movie."""
    ratings = DATASET.ratings
    scores = one.artifacts.user_embeddings @ one.artifacts.movie_embeddings.T  # [n_users, n_movies]
    users, movies = ratings.user_index[tested], ratings.movie_index[tested]
    return float(np.mean(scores[users] > scores[users, movies][:, None]))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": TOWERS, "feature_sets": (FeatureSet.parse(["timestamp", "user_history"]),)},
        {"model": TOWERS, "tasks": (TaskWeights(),), "feature_sets": (FeatureSet(),)},
        {
            "family": Family.SASREC,
            "model": SEQUENCES,
            "feature_sets": (FeatureSet(),),
            "split": SplitConfig(kind=SplitKind.LEAVE_LAST),
        },
    ],
    ids=["two towers", "two tasks", "sasrec"],
)
def test_a_deployed_model_knows_the_test_ratings_and_has_no_figures_of_its_own(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    base = TrainerConfig(
        training=TrainingConfig(num_epochs=30, validation_freq=30, learning_rate=0.02, batch_size=64),
        baselines=(),
        rating_baselines=(),
        saved_models_dir=tmp_path,
    )
    trainer = RunTrainer(replace(base, **changes), source=DATASET)  # type: ignore[arg-type]
    (judged,) = trainer.run()
    split, observer = trainer.data.split, Epochs()
    deployed = deploy(trainer.data, judged, tmp_path, observer)
    assert observer.refits == [int(np.ceil(30 * len(split.test) / len(split.fit)))]
    assert place_of_tests(deployed, split.test) < place_of_tests(judged, split.test) - 0.02
    record = deployed.record
    assert record.config == replace(judged.record.config, deployed=True) and record.name != judged.record.name
    assert (record.test, record.ratings, record.history) == (NO_TOP_K, None, ())
    assert record.judged is not None and record.judged.name == judged.record.name
    ndcg = np.mean(metric_values(judged.outcome.warm, "ndcg@10"))
    assert record.judged.metrics["ndcg@10"] == pytest.approx(ndcg)
    assert ("RMSE" in record.judged.metrics) == (judged.record.ratings is not None)
    parts = deployed.parts()
    assert parts.outcome is None and parts.rating_outcome is None
    user = int(DATASET.users.user_id[DATASET.ratings.user_index[split.test[0]]])
    listed = recommend(deployed, user_of(deployed, user), top=len(DATASET.movies))
    rated = DATASET.movies.movie_id[DATASET.ratings.movie_index[DATASET.ratings.user_index == user - 1]]
    assert not {one.movie_id for one in listed.movies} & set(rated.tolist())
    again = deploy(trainer.data, judged, tmp_path, observer)  # loaded
    assert again.record == record and len(observer.refits) == 1


def test_a_deployed_baseline_is_fitted_to_all_ratings_with_the_settings_that_it_chose(tmp_path: Path) -> None:
    config = TrainerConfig(feature_sets=(), baselines=(Family.EASE,), saved_models_dir=tmp_path)
    trainer = RunTrainer(config, source=DATASET)
    (judged,) = trainer.run()
    own = deploy(trainer.data, judged, tmp_path, TrainingObserver())
    assert own.record.settings == judged.record.settings and own.record.judged is not None
    ratings, n_items = DATASET.ratings, len(DATASET.movies)
    rated = np.zeros((len(DATASET.users), n_items))
    rated[ratings.user_index, ratings.movie_index] = 1
    inverse = np.linalg.inv(rated.T @ rated + own.record.settings["l2"] * np.eye(n_items))
    expected = np.eye(n_items) - inverse / np.diag(inverse)
    weights = own.item_weights.values.reshape(n_items, n_items)
    np.testing.assert_allclose(weights, expected, atol=1e-3)


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    """Two models are trained in no time, and the better one is deployed: that one, and what it gave."""
    monkeypatch.chdir(tmp_path)
    fake_trainer.install(monkeypatch)
    sets = "--additional_feature_sets None --additional_feature_sets timestamp"
    result = run(f"train --dataset 100k {sets} --baselines None --deploy --json")
    assert result.exit_code == 0, result.output
    runs = {one.record.name: one for one in list_runs(Path("saved_models"))[0]}
    assert len(runs) == 3
    found = runs[json.loads(result.stdout)["deployed"]]
    assert found.record.judged is not None
    return runs[found.record.judged.name], found


@pytest.mark.parametrize(
    "command", ["recommend --user 7", "similar id:100", "explore", "export --format npz"]
)
def test_what_is_for_use_takes_the_deployed_model_and_says_so(
    deployed: tuple[Run, Run], command: str
) -> None:
    judged, own = deployed
    result = run(command)
    assert result.exit_code == 0, result.output
    figure = f"ndcg@10 {np.mean(metric_values(judged.outcome.warm, 'ndcg@10')):.4f}"
    said = f"Model: {own.record.name} (trained on all ratings; judged as {judged.record.name}: {figure}; the"
    assert said in words(result.stderr)
    named = run(f"recommend --user 7 --model {judged.record.name}")  # as it is asked for
    assert f"Model: {judged.record.name} (the only one" in words(named.stderr)


def test_the_one_model_that_is_trained_is_deployed_and_used_though_a_baseline_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fake_trainer.install(monkeypatch)  # whose models are random
    result = run("train --dataset 100k --additional_feature_sets None --baselines popularity --deploy --json")
    name = json.loads(result.stdout)["deployed"]
    assert name.startswith("100k-none-deployed-")
    assert f"Model: {name} (trained on all ratings" in words(run("recommend --user 7").stderr)


def test_what_judges_never_takes_it(deployed: tuple[Run, Run]) -> None:
    judged, own = deployed
    document = json.loads(run("evaluate --baselines None --json").stdout)
    names = [name for model in document["models"] for name in model["runs"]]
    assert judged.record.name in names and own.record.name not in names and len(names) == 2
    refused = words(run(f"evaluate {own.record.name}", width=300).stderr)
    assert f"the test set included; evaluate {judged.record.name}" in refused
    shown = run(f"models show {own.record.name}", width=200)
    assert f"judged as {judged.record.name}" in words(shown.stdout) and shown.exit_code == 0


def test_a_forgotten_user_is_gone_from_it_too(deployed: tuple[Run, Run]) -> None:
    result = run("models forget --user 7")
    assert f"Forgot user 7 in {deployed[1].record.name}" in words(result.stderr)
    (own,) = (one for one in list_runs(Path("saved_models"))[0] if one.record.config.deployed)
    assert 7 not in own.artifacts.user_ids


def test_folds_have_no_one_model_to_deploy() -> None:
    with pytest.raises(UsageError, match="--deploy trains one judged model on, and --folds 5"):
        TrainerConfig(split=SplitConfig(folds=5), deploy=True)
