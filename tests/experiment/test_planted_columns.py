"""A column that decides what people watch helps, one of noise does not: said by the ablation."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from movierec_cli.config import FeatureSet, TrainerConfig, TrainingConfig
from movierec_cli.data.dataset import Dataset, Movies, Ratings, Users
from movierec_cli.data.own_columns import OwnColumn
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.trainer import RunTrainer
from tests.small_dataset import small_dataset

N_USERS, N_MOVIES, N_WATCHED = 120, 60, 12


def planted() -> Dataset:
    """Users watch movies of one of three moods, another one each time, which a column of ratings tells."""
    generator = np.random.default_rng(3)
    n = N_USERS * N_WATCHED
    watched = np.concatenate([generator.permutation(N_MOVIES)[:N_WATCHED] for _ in range(N_USERS)])
    names = np.array(["glad", "sad", "mad"], object)
    return replace(
        small_dataset("planted"),
        ratings=Ratings(
            user_index=np.repeat(np.arange(N_USERS, dtype=np.int32), N_WATCHED),
            movie_index=watched.astype(np.int32),
            rating=np.full(n, 4, np.float32),
            timestamp=np.arange(n),
            own=tuple(
                OwnColumn(name, "category", codes.astype(np.int32), names)
                for name, codes in (("mood", watched % 3), ("noise", generator.integers(3, size=n)))
            ),
        ),
        movies=Movies(
            movie_id=np.arange(N_MOVIES),
            title=np.array([f"Film {row}" for row in range(N_MOVIES)], object),
            year=np.zeros(N_MOVIES, np.int16),
            genres=np.zeros((N_MOVIES, 0), np.bool_),
            genre_names=(),
        ),
        users=Users(user_id=np.arange(N_USERS)),
    )


def test_the_ablation_says_which_column_helps(tmp_path: Path) -> None:
    config = TrainerConfig(
        feature_sets=(FeatureSet(), FeatureSet.parse(["mood"]), FeatureSet.parse(["noise"])),
        baselines=(),
        training=TrainingConfig(num_epochs=10, refit=False),
        saved_models_dir=tmp_path,
    )
    trainer = RunTrainer(config, source=planted())
    study = compare_runs(trainer.data, on_own_test(trainer.run())[0])
    gains = {str(one.feature): one for one in study.ablation}
    assert gains["mood"].is_higher and gains["mood"].difference.mean > 0.05
    assert not gains["noise"].is_significant
