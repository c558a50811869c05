"""The main job without a terminal, on the embedded sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import DataConfig, Family, FeatureSet, TowerConfig, TrainerConfig, TrainingConfig
from movierec_cli.data.dataset import Users
from movierec_cli.errors import MovierecError
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import EpochRecord
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
    sizes = [weights.size for weights in runs[0].artifacts.weights.values()]
    assert record.n_parameters == sum(sizes)


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
