"""Everything that decides what a run computes: frozen, checked when built, passed whole.

One default, one home: the command line shows these defaults and never repeats them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from movierec_cli.errors import UsageError


def _require(holds: bool, option: str, value: object, wanted: str) -> None:
    if not holds:
        raise UsageError(f"{option} is {value}; it must be {wanted}")


class Feature(enum.StrEnum):
    """What a tower can see besides the id. How each is fitted and embedded: `models.features`."""

    TIMESTAMP = "timestamp"
    MOVIE_TITLE_TEXT = "movie_title_text"
    MOVIE_GENRES = "movie_genres"
    MOVIE_LENGTH = "movie_length"
    MOVIE_YEAR = "movie_year"
    BUCKETIZED_USER_AGE = "bucketized_user_age"
    USER_GENDER = "user_gender"
    USER_OCCUPATION = "user_occupation"
    WEEK = "week"
    DAY_OF_WEEK = "day_of_week"
    USER_TENURE = "user_tenure"
    USER_HISTORY = "user_history"
    TIME_GAP = "time_gap"
    """Of models of sequences: how long after the film before it each film of the history was rated."""
    QUERY_TIME = "query_time"
    """Of models of sequences: how long after the newest film of the history the query comes.

    That is more than a history says: it has to be known when the next film is watched.
    """


FEATURE_ALIASES = {"user_age": Feature.BUCKETIZED_USER_AGE}

_NO_FEATURES = "None"


@dataclass(frozen=True, order=True)
class FeatureSet:
    """A set of additional features, in the table's order, so that equal sets are equal values."""

    features: tuple[Feature, ...] = ()

    def __post_init__(self) -> None:
        ordered = tuple(feature for feature in Feature if feature in self.features)
        object.__setattr__(self, "features", ordered)

    @classmethod
    def parse(cls, names: Iterable[str]) -> FeatureSet:
        """Reads names such as ["timestamp", "movie_genres"], or ["None"] for the ids alone.

        Raises:
            UsageError: a name is unknown, or None stands beside a feature.
        """
        words = [name.strip().replace("-", "_") for name in names]
        if any(word.lower() == "none" for word in words):
            if len(words) > 1:
                raise UsageError(
                    f"'None' means no additional feature; it cannot stand with others: {' '.join(words)}"
                )
            return cls()
        return cls(tuple(_feature(word) for word in words))

    @property
    def label(self) -> str:
        """For people: "None", "timestamp + movie_genres"."""
        return " + ".join(self.features) or _NO_FEATURES

    @property
    def slug(self) -> str:
        """For folder names: "none", "timestamp-movie_genres"."""
        return "-".join(self.features) or _NO_FEATURES.lower()

    def __contains__(self, feature: Feature) -> bool:
        return feature in self.features


NO_FEATURES = FeatureSet()


def _feature(word: str) -> Feature:
    if word in FEATURE_ALIASES:
        return FEATURE_ALIASES[word]
    try:
        return Feature(word)
    except ValueError:
        known = ", ".join(["None", *Feature, *FEATURE_ALIASES])
        raise UsageError(f"unknown feature '{word}'; known features: {known}") from None


class SplitKind(enum.StrEnum):
    """How the ratings are divided into train, validation and test."""

    RANDOM = "random"
    """Each rating by lot."""
    TEMPORAL = "temporal"
    """One date for all: what comes later is held out."""
    LEAVE_LAST = "leave-last"
    """Each user's last rating to test, the second-last to validation."""
    WINDOWS = "windows"
    """Each rating by lot, but for users' first ones, asked with the films right before it.

    Those may be test films themselves: what the sequential tutorials do.
    """


class Family(enum.StrEnum):
    """A kind of model."""

    TWO_TOWER = "two-tower"
    MULTI_TASK = "multi-task"
    """Two towers with a second head that predicts ratings."""
    GRU4REC = "gru4rec"
    """Gated recurrent units over the films in the order they were rated."""
    SASREC = "sasrec"
    """Self-attention over the films in the order they were rated."""
    POPULARITY = "popularity"
    RECENT_POPULARITY = "recent-popularity"
    ITEM_KNN = "item-knn"
    IALS = "ials"
    EASE = "ease"
    GLOBAL_MEAN = "global-mean"
    RATING_BIAS = "rating-bias"
    BIASED_MF = "biased-mf"

    @property
    def label(self) -> str:
        """For people."""
        return _FAMILY_LABELS[self]

    @property
    def is_trained(self) -> bool:
        """Whether it has features and is trained in epochs; the others are baselines."""
        return self in _TRAINED

    @property
    def is_sequential(self) -> bool:
        """Whether it models the order of a user's films."""
        return self in SEQUENTIAL

    @property
    def ranks(self) -> bool:
        """Whether it scores movies to be watched."""
        return self not in RATING_BASELINES

    @property
    def rates(self) -> bool:
        """Whether it predicts ratings in stars."""
        return self is Family.MULTI_TASK or self in RATING_BASELINES


SEQUENTIAL = (Family.GRU4REC, Family.SASREC)
_TRAINED = (Family.TWO_TOWER, Family.MULTI_TASK, *SEQUENTIAL)
_FAMILY_LABELS = {
    Family.TWO_TOWER: "two towers",
    Family.MULTI_TASK: "two towers, two tasks",
    Family.GRU4REC: "GRU4Rec",
    Family.SASREC: "SASRec",
    Family.POPULARITY: "popularity",
    Family.RECENT_POPULARITY: "recent popularity",
    Family.ITEM_KNN: "item-kNN",
    Family.IALS: "iALS",
    Family.EASE: "EASE",
    Family.GLOBAL_MEAN: "global mean",
    Family.RATING_BIAS: "user + movie bias",
    Family.BIASED_MF: "biased MF",
}
RATING_BASELINES = (Family.GLOBAL_MEAN, Family.RATING_BIAS, Family.BIASED_MF)
BASELINES = (
    Family.POPULARITY,
    Family.RECENT_POPULARITY,
    Family.ITEM_KNN,
    Family.IALS,
    Family.EASE,
)
"""What a ranking is to be better than."""
DEFAULT_BASELINES = (Family.POPULARITY, Family.EASE)


class Task(enum.StrEnum):
    """What a model learns."""

    RETRIEVAL = "retrieval"
    """Which movies somebody will watch."""
    RATING = "rating"
    """How many stars they will give."""


@dataclass(frozen=True, kw_only=True)
class TaskWeights:
    """How much each task's loss counts, both means over the interactions: nats and squared stars."""

    retrieval: float = 1.0
    rating: float = 0.3

    def __post_init__(self) -> None:
        for name in ("retrieval", "rating"):
            _require(getattr(self, name) >= 0, f"--{name}_weight", getattr(self, name), "0 or more")
        _require(
            self.retrieval + self.rating > 0,
            "--retrieval_weight",
            self.retrieval,
            "above 0 where --rating_weight is 0",
        )

    @property
    def label(self) -> str:
        """For people: "retrieval × 1, rating × 0.3"."""
        return f"retrieval × {self.retrieval:g}, rating × {self.rating:g}"


class RankBy(enum.StrEnum):
    """What decides the order among the movies that a model would retrieve first."""

    SCORE = "score"
    """How likely somebody is to watch it."""
    RATING = "rating"
    """How many stars they are predicted to give."""
    BLEND = "blend"
    """The mean of both, each in standard deviations from its mean."""


class LossKind(enum.StrEnum):
    """What the retrieval model is trained on."""

    CATALOGUE = "catalogue"
    """Softmax over every movie, interactions grouped by unique query."""
    IN_BATCH = "in-batch"
    """`tfrs.tasks.Retrieval`: softmax over the other movies of the batch."""
    IN_BATCH_CORRECTED = "in-batch-corrected"
    """The same with `candidate_sampling_probability`: each movie's share of the training ratings."""
    SAMPLED = "sampled"
    """Of models of sequences: softmax over the positive and movies drawn by lot, corrected for the draw."""
    GBCE = "gbce"
    """Of models of sequences: binary cross-entropy against movies drawn by lot, calibrated.

    Petrov & Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation".
    """


class Weighting(enum.StrEnum):
    """How much each rating counts in training, by the number n of ratings of its query.

    A query is a user, or a user at a time where a feature sees the time.
    """

    RATINGS = "ratings"
    """All alike: long sessions decide."""
    ROOT = "root"
    """1 / √n: between the two."""
    QUERIES = "queries"
    """1 / n: every query counts alike, which serves figures that are means over users."""


DEFAULT_WEIGHTING = {
    SplitKind.RANDOM: Weighting.RATINGS,
    SplitKind.TEMPORAL: Weighting.ROOT,
    SplitKind.LEAVE_LAST: Weighting.RATINGS,
    SplitKind.WINDOWS: Weighting.RATINGS,
}


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data set, and where it is kept."""

    dataset: str = "1m"
    archive: Path | None = None
    datasets_dir: Path = Path("datasets")
    imdb_titles: Path | None = None  # IMDb's title.basics.tsv.gz; None: in `datasets_dir`, else downloaded
    movie_lengths: Path | None = None  # the user's own corrections


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Which ratings count, and how they are divided.

    Shares are of ratings: test of the whole, validation of what is left for training; leave-last needs
    none. `min_rating` (stars) and `k_core` leave ratings out before anything is divided.
    """

    kind: SplitKind = SplitKind.RANDOM
    test_fraction: float = 0.2
    validation_fraction: float = 0.05
    seed: int = 42  # of the random split
    min_rating: float = 0.0  # stars; ratings below are no interactions
    k_core: int = 0  # users and movies keep so many ratings each, or go

    def __post_init__(self) -> None:
        _require(0 < self.test_fraction < 1, "--test_fraction", self.test_fraction, "between 0 and 1")
        _require(
            0 < self.validation_fraction < 1,
            "--validation_fraction",
            self.validation_fraction,
            "between 0 and 1",
        )
        _require(self.min_rating >= 0, "--min_rating", self.min_rating, "0 or more")
        _require(self.k_core >= 0, "--k_core", self.k_core, "0 or more")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The two towers. Sizes are widths of vectors.

    `dropout` is the share of each tower's inputs. `l2` weighs the embeddings' squares against the loss
    summed over all training interactions, so that it means the same for a small data set and a large one.
    """

    embedding_size: int = 64
    layer_sizes: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    l2: float = 6.0

    def __post_init__(self) -> None:
        _require(self.embedding_size > 0, "--embedding_size", self.embedding_size, "1 or more")
        sizes = self.layer_sizes
        _require(all(size > 0 for size in sizes), "--layer_sizes", sizes, "1 or more each")
        _require(0 <= self.dropout < 1, "--dropout", self.dropout, "0 or more and below 1")
        _require(self.l2 >= 0, "--l2", self.l2, "0 or more")


class Optimizer(enum.StrEnum):
    """What turns gradients into steps."""

    ADAM = "adam"
    ADAMW = "adamw"
    """Adam with weights that decay by themselves."""
    ADAGRAD = "adagrad"


class Schedule(enum.StrEnum):
    """How the learning rate goes over the epochs."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Up in the first epoch, then down along half a cosine to a hundredth in the last."""


@dataclass(frozen=True, kw_only=True)
class SequenceConfig:
    """A model of the order of a user's films. Sizes are widths of vectors.

    `dropout` is the share of inputs, attention weights and layers' outputs.
    """

    max_length: int = 200  # films; the newest of a longer history are seen
    embedding_size: int = 64
    num_layers: int = 2  # attention blocks or recurrent layers
    num_heads: int = 2  # of attention
    hidden_size: int = 64  # of a block's feed-forward layer, or units of a recurrent layer
    dropout: float = 0.2
    shared_embeddings: bool = True  # films have one embedding as history and as candidate
    whole_history: bool = True  # older films than the newest `max_length` are learned as well
    windows: bool = False  # each film is learned from a window of its own, not all of a history at once
    num_negatives: int = 256  # of the sampled losses, for each micro-batch
    optimizer: Optimizer = Optimizer.ADAM
    schedule: Schedule = Schedule.COSINE
    summed_loss: bool = False  # over a step, in place of its mean: as TFRS does, and Adagrad notices

    def __post_init__(self) -> None:
        for name in ("max_length", "embedding_size", "num_layers", "num_heads", "hidden_size"):
            _require(getattr(self, name) > 0, f"--{name}", getattr(self, name), "1 or more")
        _require(self.num_negatives > 0, "--num_negatives", self.num_negatives, "1 or more")
        _require(0 <= self.dropout < 1, "--dropout", self.dropout, "0 or more and below 1")
        if self.embedding_size % self.num_heads:
            raise UsageError(
                f"--embedding_size {self.embedding_size} cannot be divided among --num_heads {self.num_heads}"
            )


MAX_SEED = 2**31 - 2
"""NumPy takes twice as much, TensorFlow's initializers this and one more."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how hard to train. `patience` counts validations, not epochs."""

    num_epochs: int = 100
    loss: LossKind = LossKind.CATALOGUE
    weighting: Weighting | None = None  # None: DEFAULT_WEIGHTING of the split; in-batch losses know one only
    batch_size: int | None = None  # queries or, in-batch, interactions; None: see `models.objectives`
    learning_rate: float = 0.01
    validation_freq: int = 5
    patience: int = 3
    refit: bool = True  # train the model of the best epoch on with the validation part added
    seed: int = 42

    def __post_init__(self) -> None:
        _require(self.num_epochs > 0, "--num_epochs", self.num_epochs, "1 or more")
        _require(self.batch_size is None or self.batch_size > 0, "--batch_size", self.batch_size, "1 or more")
        _require(self.learning_rate > 0, "--learning_rate", self.learning_rate, "above 0")
        _require(self.validation_freq > 0, "--validation_freq", self.validation_freq, "1 or more")
        _require(self.patience >= 0, "--patience", self.patience, "0 (never stop early) or more")
        _require(0 <= self.seed <= MAX_SEED, "--seed", self.seed, f"0 to {MAX_SEED}")
        if self.loss is not LossKind.CATALOGUE and self.weighting not in (None, Weighting.RATINGS):
            raise UsageError(f"--weighting {self.weighting} needs --loss {LossKind.CATALOGUE}")

    def resolved(self, split: SplitKind) -> TrainingConfig:
        """The same with the weighting that a training on this split uses."""
        by_split = DEFAULT_WEIGHTING[split] if self.loss is LossKind.CATALOGUE else Weighting.RATINGS
        return replace(self, weighting=self.weighting or by_split)


DEFAULT_FEATURE_SETS = (
    FeatureSet(),
    FeatureSet((Feature.TIMESTAMP,)),
    FeatureSet((Feature.TIMESTAMP, Feature.MOVIE_GENRES)),
    FeatureSet((Feature.TIMESTAMP, Feature.MOVIE_TITLE_TEXT, Feature.MOVIE_GENRES)),
    FeatureSet(
        (
            Feature.MOVIE_GENRES,
            Feature.MOVIE_YEAR,
            Feature.WEEK,
            Feature.USER_TENURE,
        )
    ),
)
"""What is compared when nobody names a set: features that every data set has."""


DEFAULT_TOP_K = (1, 5, 10, 50, 100)
"""At how many of the best movies accuracy is given."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """One run of the trainer: each feature set becomes a model, trained or loaded."""

    feature_sets: tuple[FeatureSet, ...] = DEFAULT_FEATURE_SETS
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    family: Family = Family.TWO_TOWER  # with tasks, of two towers with both
    model: ModelConfig | None = None  # of the towers; None: what `usual` says
    sequence: SequenceConfig | None = None  # of a sequential family; None: what `usual` says
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tasks: tuple[TaskWeights, ...] = ()  # each feature set with each of them; none: retrieval alone
    rating_baselines: tuple[Family, ...] = RATING_BASELINES  # where there are tasks
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    n_seeds: int = 1  # trainings of each feature set, with the seeds from `training.seed` on
    saved_models_dir: Path = Path("saved_models")
    retrain: bool = False

    def __post_init__(self) -> None:
        _require(self.n_seeds > 0, "--seeds", self.n_seeds, "1 or more")
