"""What is known of a trained model, without its arrays: the content of `run.json`, and the run's name.

Equal configuration, data and format version mean one name and one folder.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import field, replace
from typing import Annotated

from movierec_cli.config import (
    NO_FEATURES,
    Family,
    FeatureSet,
    ModelConfig,
    Monitor,
    SplitConfig,
    TaskWeights,
    TrainingConfig,
)
from movierec_cli.config.entry_points import Origin
from movierec_cli.config.settings import Reading
from movierec_cli.data.dataset import HALF_STARS, Dataset, RatingScale, row_called
from movierec_cli.data.split import SplitSummary
from movierec_cli.evaluation.metrics import VALIDATION_K, TopK
from movierec_cli.evaluation.ratings import RatingErrors
from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import DATA_RATINGS, DATA_USERS, AtLeast, Sizes
from movierec_cli.storage.serialization import canonical_json

FORMAT_VERSION = 17

_HASH_LENGTH = 12
_READABLE_LENGTH = 64
RUN_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]*-[0-9a-f]{{{_HASH_LENGTH}}}")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What decides a run's numbers, the data apart. Equal configurations are one run.

    A baseline has neither a model's settings nor a training: it chooses its settings on validation
    (`RunRecord.settings`).
    """

    family: Family
    split: SplitConfig
    feature_set: FeatureSet = NO_FEATURES
    model: ModelConfig | None = None  # of a trained family
    training: TrainingConfig | None = None
    tasks: TaskWeights | None = None  # of a model with two tasks
    source: str = ""  # of `Family.OTHER`: what its lists are called
    deployed: bool = False  # trained on all ratings, for use; a run without that was judged in its place
    parent: str = ""  # the run that it was started from (`--start_from`); "" where it began anew

    @property
    def label(self) -> str:
        """For people: "timestamp + movie_genres", "SASRec + movie_genres", "EASE"."""
        return f"{self._label} (trained on)" if self.parent else self._label

    @property
    def _label(self) -> str:
        if not self.family.is_trained:
            return self.source or self.family.label
        if self.family.names_runs:
            features = f" + {self.feature_set.label}" if self.feature_set.features else ""
            return f"{self.family.label}{features}"
        return f"{self.feature_set.label} ({self.tasks.label})" if self.tasks else self.feature_set.label

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The packages that bring its family or features, none where these are movierec's own."""
        found = (self.family.origin, *(feature.origin for feature in self.feature_set.features))
        return tuple(dict.fromkeys(one for one in found if one is not None))

    @property
    def monitor(self) -> Monitor:
        """What chooses its epoch; of a model with two tasks that names none, less the error of its stars."""
        default = Monitor.RECALL if self.family.rates else Monitor.NDCG
        return (self.training and self.training.monitor) or default

    @property
    def sees_future(self) -> bool:
        """Whether its figures profit from ratings given after those it is tested on."""
        return self.split.mixes_times and bool(self.feature_set.of_time)

    @property
    def repetition(self) -> str:
        """Which of several trainings of a model it is: "seed 42", "fold 2"; "" for a baseline's only fit."""
        if self.split.folds:
            return f"fold {self.split.fold + 1}"
        return f"seed {self.training.seed}" if self.training else ""

    @property
    def repeated(self) -> RunConfig:
        """Equal for runs that differ only in the seed of their training, or in the fold."""
        training = replace(self.training, seed=0) if self.training else None
        return replace(self, split=replace(self.split, fold=0), training=training)


@dataclass(frozen=True, kw_only=True)
class DataIdentity:
    """Which data a run saw."""

    name: str
    description: str
    fingerprint: str  # SHA-256 (hex) of the archive
    lengths_fingerprint: str  # of the movies' running times; "" for a model that does not see them
    n_ratings: int
    n_movies: int
    n_users: int
    noun: str = "movie"  # what the items are called: "movie" or "item"
    scale: RatingScale | None = HALF_STARS  # None: there are no ratings, every interaction is a positive
    has_times: bool = True
    merged_duplicates: bool = False  # with --merge_duplicates, which changes the fingerprint
    reading: Reading = field(default_factory=Reading)  # how the data were asked to be read

    @property
    def interactions(self) -> str:
        """What the rows are called, in the singular."""
        return row_called(self.scale)

    @property
    def rating_unit(self) -> str:
        """What predicted ratings are off by, for people."""
        return "rating points" if self.scale is None else self.scale.unit

    @classmethod
    def of(cls, dataset: Dataset, feature_set: FeatureSet = NO_FEATURES) -> DataIdentity:
        """Of a data set as a model with these features sees it."""
        return cls(
            name=dataset.name,
            description=dataset.description,
            fingerprint=dataset.fingerprint,
            lengths_fingerprint=dataset.lengths_fingerprint if feature_set.needs_lengths else "",
            n_ratings=len(dataset.ratings),
            n_movies=len(dataset.movies),
            n_users=len(dataset.users),
            noun=dataset.noun,
            scale=dataset.ratings.scale,
            has_times=dataset.ratings.has_times,
            merged_duplicates=dataset.merged_duplicates,
            reading=dataset.reading,
        )


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One validation during training, or the one of a baseline with the settings that it chose."""

    epoch: int  # epochs trained so far, from 1; 0 of a baseline
    train_loss: float | None  # mean over interactions, nats, L2 left out; None of a baseline
    elapsed_s: float  # training time so far, validation left out
    validation: TopK
    ratings: RatingErrors | None = None  # on the validation set, where the model predicts ratings
    ndcg: float | None = None  # at 10, unseen
    validation_loss: float | None = None  # nats, of an in-batch loss of sequences

    def score(self, monitor: Monitor) -> float:
        """What chooses the epoch: the higher, the better."""
        if monitor is Monitor.RECALL:
            return self.validation.recall[VALIDATION_K]
        value = self.ndcg if monitor is Monitor.NDCG else self.validation_loss
        assert value is not None  # what is monitored is measured
        return value if monitor is Monitor.NDCG else -value


@dataclass(frozen=True, kw_only=True)
class JudgedAs:
    """How the run that a deployed one was trained on from did on the test set, which that one has seen."""

    name: str  # of the run
    metrics: dict[str, float]  # by name and k, such as "ndcg@10": mean over warm users

    @property
    def sentence(self) -> str:
        """For people: "trained on all ratings; judged as NAME: ndcg@10 0.3592"."""
        figures = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        return f"trained on all ratings; judged as {self.name}: {figures}"


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One trained model: its settings, its data and how its training went."""

    name: str  # the folder's: `run_name`
    config: RunConfig
    data: DataIdentity
    versions: dict[str, str]  # of movierec and of the packages that decide numbers
    created_at: str  # ISO 8601, UTC
    split_summary: SplitSummary
    n_parameters: int
    settings: dict[str, float]  # what a baseline chose on validation
    best_epoch: int  # by validation; 0 where nothing is trained in epochs
    epochs_run: int  # epochs until training stopped
    training_s: float  # with the epochs on train and validation, where the model was trained on
    validation_s: float
    history: tuple[EpochRecord, ...]
    test: TopK  # NO_TOP_K for what only predicts ratings, or is deployed
    ratings: RatingErrors | None = None  # of the test set; None for what predicts none
    judged: JudgedAs | None = None  # of a deployed run
    forgotten_users: Annotated[int, AtLeast(0)] = 0
    """Users of `data` whose ratings and embeddings were removed; `test` and `ratings` are without them."""
    command: str = ""  # the command line that trained it; "" where it was trained from Python
    format_version: int = FORMAT_VERSION

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """The validations of a training; none of a baseline."""
        return self.history if self.epochs_run else ()

    @property
    def sizes(self) -> Sizes:
        """The lengths of the axes of the run's arrays, by name."""
        n_users = self.data.n_users - self.forgotten_users
        return {
            "n_users": n_users,
            "n_users + 1": n_users + 1,
            "n_movies": self.data.n_movies,
            "n_movies + 1": self.data.n_movies + 1,
            DATA_USERS: self.data.n_users,
            DATA_RATINGS: self.data.n_ratings,
        }


def run_name(config: RunConfig, data: DataIdentity) -> str:
    """Names a run's folder, such as "1m-timestamp-movie_genres-0f3a5c7e9b1d".

    A model with two tasks has their weights in it: "1m-timestamp-rating-0.3-retrieval-1-0f3a5c7e9b1d".

    The hash covers the configuration, the data's fingerprints and the format version; the readable
    part in front of it is for people and is cut where it grows long.
    """
    fingerprints = [data.fingerprint, data.lengths_fingerprint]
    identity = {"config": config, "data": fingerprints, "format_version": FORMAT_VERSION}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:_HASH_LENGTH]
    weights = ""
    if (tasks := config.tasks) is not None:  # they end the readable part and are never cut
        weights = f"-rating-{tasks.rating:g}-retrieval-{tasks.retrieval:g}".replace("+", "")
    weights += "-started" if config.parent else ""
    weights += "-deployed" if config.deployed else ""
    plain = re.sub(r"[^a-z0-9_.]+", "-", f"{data.name}-{_kind(config)}".lower()).strip("-._") or "run"
    front = plain[: _READABLE_LENGTH - len(weights)].rstrip("-._")
    return f"{front}{weights}-{digest}"


def _kind(config: RunConfig) -> str:
    if config.family.names_runs:
        features = f"-{config.feature_set.slug}" if config.feature_set.features else ""
        return f"{config.family}{features}"
    return config.feature_set.slug if config.family.is_trained else config.family
