"""The main job without a terminal, on the embedded sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import (
    DEFAULT_FEATURE_SETS,
    DataConfig,
    Family,
    FeatureSet,
    LossKind,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
    default_settings,
)
from movierec_cli.data.dataset import Users
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.registry.store import Run, list_runs
from tests.small_dataset import small_dataset

SETS = tuple(FeatureSet.parse(names) for names in (["None"], ["movie_genres"]))


class Listener(TrainingObserver):
    def __init__(self) -> None:
        self.loaded: list[bool] = []
        self.validated_epochs: list[int] = []

    def validated(self, record: EpochRecord) -> None:
        self.validated_epochs.append(record.epoch)

    def run_ended(self, run: Run, *, loaded: bool) -> None:
        self.loaded.append(loaded)


def quick_config(folder: Path, **changes: object) -> TrainerConfig:
    config = TrainerConfig(
        feature_sets=SETS,
        data=DataConfig(dataset="sample", datasets_dir=folder / "datasets"),
        model=TowerConfig(embedding_size=8, layer_sizes=(8,)),
        training=TrainingConfig(num_epochs=2, validation_freq=1, refit=False),
        baselines=(Family.POPULARITY,),
        saved_models_dir=folder / "saved_models",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Run]]:
    folder = tmp_path_factory.mktemp("trainer")
    return folder, RunTrainer(quick_config(folder)).run()


def test_each_feature_set_becomes_a_complete_run_in_its_order(trained):
    folder, runs = trained
    assert [run.record.config.feature_set for run in runs] == [*SETS, FeatureSet()]
    assert [run.record.config.family for run in runs] == [*[Family.TWO_TOWER] * len(SETS), Family.POPULARITY]
    listed, problems = list_runs(folder / "saved_models")
    assert {run.record.name for run in listed} == {run.record.name for run in runs}
    assert problems == []
    record = runs[0].record
    assert record.epochs_run == 2 and [epoch.epoch for epoch in record.history] == [1, 2]
    assert 0 < record.test.all[10] < record.test.unseen[10] < record.test.unseen[100] < 1
    assert "simulated" in record.data.description
    assert record.n_parameters == sum(weights.size for weights in runs[0].weights.values())


def test_saved_runs_are_loaded_and_only_new_sets_are_trained(trained):
    folder, runs = trained
    listener = Listener()
    more = (*SETS, FeatureSet.parse(["movie_year"]))
    again = RunTrainer(quick_config(folder, feature_sets=more), listener).run()
    assert listener.loaded == [True, True, False, True]
    assert [run.record for run in (*again[:2], again[3])] == [run.record for run in runs]


def test_retrain_trains_again_and_gives_the_same_numbers(trained):
    folder, runs = trained
    listener = Listener()
    config = quick_config(folder, feature_sets=SETS[:1], baselines=(), retrain=True)
    again = RunTrainer(config, listener).run()[0]
    assert listener.loaded == [False] and listener.validated_epochs == [1, 2]
    assert again.record.test == runs[0].record.test
    np.testing.assert_array_equal(again.artifacts.user_embeddings, runs[0].artifacts.user_embeddings)


def test_a_feature_the_data_lacks_is_refused_before_anything_is_trained(tmp_path):
    source = replace(small_dataset("mine"), users=Users(user_id=small_dataset().users.user_id))
    config = quick_config(tmp_path, feature_sets=(FeatureSet(), FeatureSet.parse(["user_age"])))
    listener = Listener()
    with pytest.raises(MovierecError, match="'mine' has no bucketized_user_age"):
        RunTrainer(config, listener, source).run()
    assert listener.loaded == []


def test_other_movie_lengths_train_only_what_sees_them(trained, tmp_path):
    folder, _ = trained
    sets = (*SETS, FeatureSet.parse(["movie_length"]))
    config = quick_config(folder, feature_sets=sets, baselines=())
    loaded = Listener()
    first = RunTrainer(config, loaded).run()
    assert loaded.loaded == [True, True, False]
    assert [bool(run.record.data.lengths_fingerprint) for run in first] == [False, False, True]
    title = RunTrainer(config).data.source.movies.title[0]
    corrections = tmp_path / "mine.csv"
    corrections.write_text(f'title,year,minutes\n"{title}",,333\n', encoding="utf-8")
    again = Listener()
    RunTrainer(replace(config, data=replace(config.data, movie_lengths=corrections)), again).run()
    assert again.loaded == [True, True, False]


def configs_of(**changes: object) -> list[RunConfig]:
    return RunTrainer(TrainerConfig(**changes), source=small_dataset()).run_configs()  # type: ignore[arg-type]


def test_where_no_set_is_named_a_hybrid_of_its_own_defaults_is_trained_beside() -> None:
    *towers, hybrid, popularity, ease = configs_of()
    assert {one.family for one in towers} == {Family.TWO_TOWER}
    assert (popularity.family, ease.family) == (Family.POPULARITY, Family.EASE)
    own = default_settings(Family.HYBRID)
    assert (hybrid.family, hybrid.model, hybrid.training) == (Family.HYBRID, own.model, own.training)
    assert hybrid.feature_set == own.feature_sets[0]
    (temporal,) = (
        one for one in configs_of(split=SplitConfig(kind=SplitKind.TEMPORAL)) if one.family is Family.HYBRID
    )
    assert temporal.feature_set == DEFAULT_FEATURE_SETS[-1]
    assert isinstance(temporal.model, TowerConfig) and temporal.model.dropout == 0.5


def test_what_is_set_is_set_for_the_hybrid_too_and_what_is_not_is_its_own() -> None:
    usual = default_settings(Family.TWO_TOWER)
    assert isinstance(usual.model, TowerConfig)
    model, training = replace(usual.model, dropout=0.1), replace(usual.training, num_epochs=3, seed=7)
    found = [
        one for one in configs_of(model=model, training=training, n_seeds=2) if one.family is Family.HYBRID
    ]
    own = default_settings(Family.HYBRID)
    assert [one.model for one in found] == [replace(own.model, dropout=0.1)] * 2
    expected = [replace(own.training, num_epochs=3, seed=seed) for seed in (7, 8)]
    assert [one.training for one in found] == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"feature_sets": SETS},
        {"tasks": (TaskWeights(),)},
        {"training": TrainingConfig(loss=LossKind.IN_BATCH)},
        {"family": Family.HYBRID, "feature_sets": (FeatureSet(),)},
    ],
)
def test_nothing_is_trained_beside_named_sets_tasks_or_a_loss_that_it_has_not(
    changes: dict[str, object],
) -> None:
    n_hybrids = sum(one.family is Family.HYBRID for one in configs_of(**changes))
    assert n_hybrids == (changes.get("family") is Family.HYBRID)
