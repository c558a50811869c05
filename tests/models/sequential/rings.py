"""Movies that are watched round a ring, i always before i + 1, and trainings on them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from movierec_cli.config import Family, FeatureSet, SequenceConfig, SplitConfig, SplitKind, TrainingConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.models.trained import Fitted, Fitting
from movierec_cli.registry.record import RunConfig
from tests.models.baseline_data import dataset_of
from tests.models.heard import Heard

N_FILMS, N_USERS, EACH = 20, 50, 9
RATED_BY_NOBODY = N_FILMS  # one more movie
NO_RATINGS = N_USERS  # one more user

COLUMNS = ("movie", "segment", "position", "gap", "gap_to_next", "target", "weight")
"""Of a step's rows."""

SIZES = SequenceConfig(
    max_length=6, embedding_size=16, num_layers=1, num_heads=2, hidden_size=16, dropout=0.05
)
FEATURES = {
    Family.SASREC: FeatureSet.parse(["movie_genres", "time_gap"]),
    Family.GRU4REC: FeatureSet.parse(["movie_genres", "query_time"]),
    Family.HSTU: FeatureSet.parse(["movie_genres", "time_gap", "query_time"]),
}


def ring_dataset() -> Dataset:
    """User u rates `EACH` movies in the ring's order, some at the same second, in no order of the file."""
    generator = np.random.default_rng(3)
    user = np.repeat(np.arange(N_USERS), EACH)
    turn = np.tile(np.arange(EACH), N_USERS)
    start = np.repeat(generator.integers(N_FILMS, size=N_USERS), EACH)
    gaps = generator.choice([1, 60, 5000, 900_000], size=(N_USERS, EACH))
    seconds = 10**9 + np.cumsum(gaps, axis=1).reshape(-1)
    order = generator.permutation(len(user))
    plain = dataset_of(
        user[order], ((start + turn) % N_FILMS)[order], seconds[order], N_USERS + 1, N_FILMS + 1
    )
    genres = (np.arange(N_FILMS + 1)[:, None] + np.arange(3)) % 4 == 0
    return replace(plain, movies=replace(plain.movies, genres=genres, genre_names=("A", "B", "C")))


def ring_config(family: Family, **training: object) -> RunConfig:
    settings: dict[str, object] = {
        "num_epochs": 16,
        "learning_rate": 0.03,
        "batch_size": 48,
        "validation_freq": 4,
        "refit": False,
    }
    return RunConfig(
        family=family,
        feature_set=FEATURES[family],
        split=SplitConfig(kind=SplitKind.LEAVE_LAST),
        model=replace(
            SIZES,
            shared_embeddings=family is not Family.GRU4REC,
            temperature=0.1 if family is Family.HSTU else 0.0,
        ),
        training=TrainingConfig(**{**settings, **training}),  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Trained:
    dataset: Dataset
    split: Split
    config: RunConfig
    model: Fitted


def trained(family: Family, folder: Path, heard: Heard | None = None, **training: object) -> Trained:
    """A training on the ring whose checkpoints are in `folder`."""
    from movierec_cli.models.sequential.sequence_training import fit_run

    dataset, config = ring_dataset(), ring_config(family, **training)
    split = split_ratings(dataset.ratings, config.split)
    fitted = fit_run(Fitting(dataset, split, config, heard or Heard(), folder))
    return Trained(dataset, split, config, fitted)
