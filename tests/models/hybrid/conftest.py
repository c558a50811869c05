"""A hybrid of every kind of input, trained in no time."""

from pathlib import Path

import pytest

from movierec_cli.config import (
    Family,
    FeatureSet,
    Monitor,
    SplitConfig,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
)
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.registry.store import Run
from tests.small_dataset import small_dataset


def trainer_of(folder: Path, **changes: object) -> RunTrainer:
    """Of towers with two relus on the way of a history, a feature of users and a context."""
    usual: dict[str, object] = {
        "split": SplitConfig(),
        "feature_sets": (FeatureSet.parse(["user_gender", "day_of_week", "movie_genres"]),),
        "model": TowerConfig(
            embedding_size=6,
            query_layers=(8,),
            layer_sizes=(7, 5),
            dropout=0.0,
            l2=0.0,
            item_bias=True,
            user_ids=False,
            members=1,
        ),
        "training": TrainingConfig(
            num_epochs=12, validation_freq=6, learning_rate=0.05, monitor=Monitor.NDCG, patience=2
        ),
    }
    config = TrainerConfig(
        family=Family.HYBRID,
        baselines=(),
        saved_models_dir=folder,
        **(usual | changes),  # type: ignore[arg-type]
    )
    return RunTrainer(config, source=small_dataset())


@pytest.fixture(scope="session")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> RunTrainer:
    return trainer_of(tmp_path_factory.mktemp("hybrids"))


@pytest.fixture(scope="session")
def trained(trainer: RunTrainer) -> Run:
    """The run, read from its folder."""
    (run,) = trainer.run()
    return run
