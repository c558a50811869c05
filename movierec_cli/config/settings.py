"""Every setting that decides what a run computes, each declared once.

Each class is frozen and checked when it is built. Its fields are the options of the command line.
"""

# `setting` is `dataclasses.field`, which ruff cannot see.

import enum
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Self

from movierec_cli.config.features import COLUMN_KINDS
from movierec_cli.config.setting import (
    ABOVE_ZERO,
    FRACTION,
    ONE_OR_MORE,
    ZERO_OR_MORE,
    Check,
    check_settings,
    require,
    setting,
)
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

DATA_PANEL, READING_PANEL, MODEL_PANEL, SEQUENCES_PANEL, TRAINING_PANEL = (
    "Data",
    "Reading files",
    "Model",
    "Sequences",
    "Training",
)
_data = partial(setting, panel=DATA_PANEL)
_reading = partial(setting, panel=READING_PANEL)
_model = partial(setting, panel=MODEL_PANEL)
_sequence = partial(setting, panel=SEQUENCES_PANEL)
_training = partial(setting, panel=TRAINING_PANEL)


# --- data -------------------------------------------------------------------------------------------


class Repeats(enum.StrEnum):
    """What counts where a user has several rows of one item."""

    LAST = "last"
    """By time, then by row."""
    FIRST = "first"
    MEAN = "mean"
    """The mean of the ratings, at the time of the last."""
    COUNT = "count"
    """The last, with the number of rows as its number of events."""
    ERROR = "error"


class Orphans(enum.StrEnum):
    """What becomes of ratings of items that the table of items lacks."""

    KEEP = "keep"
    """The item is made from its id."""
    DROP = "drop"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files are understood, where they do not say it themselves."""

    columns: tuple[str, ...] = _reading(
        (),
        "Which columns to read, such as user=Customer item=Article; items.title=Name and users.id=Customer"
        " for the other files. A column of a file without header is called 1, 2 and so on.",
        "ROLE=NAME...",
        default_shown="by their usual names",
    )
    rating_scale: tuple[float, ...] | None = _reading(
        None,
        "The lowest and the highest rating. If not given, they are those of the layout or of the values.",
        "STARS...",
        Check("two numbers, the lower one first", lambda scale: len(scale) == 2 and scale[0] < scale[1]),
    )
    weights: str | None = _reading(
        None, "The column that says how many events a row stands for, such as plays.", "COLUMN"
    )
    repeats: Repeats | None = _reading(
        None,
        f"What counts where a user has several rows of one item: {', '.join(Repeats)}. If not given, the last"
        " rating, or the number of events.",
        "KIND",
    )
    orphans: Orphans = _reading(
        Orphans.KEEP,
        f"Ratings of items that the table of items lacks: {', '.join(Orphans)}. keep makes the item from its"
        " id.",
        "KIND",
    )
    feature_kinds: tuple[str, ...] = _reading(
        (),
        "What columns that are features hold, such as budget=number; the kinds are"
        f" {', '.join(COLUMN_KINDS)}.",
        "FEATURE=KIND...",
        default_shown="by their values",
    )
    item_vectors: tuple[Path, ...] = _reading(
        (),
        "Vectors of items, such as embeddings of texts or pictures: each .npz or .parquet file holds an id"
        " and a vector for each item, and is a feature with the file's name.",
        "FILE...",
    )
    skip_bad_rows: bool = _reading(False, "Leave out rows that cannot be read, and count them.")
    test: Path | None = _reading(
        None, "A file with the ratings of the test part; those of the data set are for training.", "FILE"
    )
    validation: Path | None = _reading(None, "A file with the ratings of the validation part.", "FILE")

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Which data set, and where files are."""

    dataset: str = _data(
        "1m",
        "1m, 100k, 10m, latest-small, 20m, 25m, 32m (MovieLens) or sample (embedded, simulated ratings).",
        "NAME",
    )
    archive: Path | None = _data(
        None,
        "Use this file, folder or zip: one of MovieLens, or your own ratings, with or without a table of"
        " items and of users.",
        "PATH",
    )
    imdb_titles: Path | None = _data(
        None, "IMDb's title.basics.tsv.gz, for movie_length. If not given, it is downloaded once.", "FILE"
    )
    movie_lengths: Path | None = _data(
        None, "Your corrections of movie lengths: title, year, minutes.", "FILE"
    )
    merge_duplicates: bool = _data(
        False, "Make one item of those with the same title and year, which have several ids, before training."
    )
    datasets_dir: Path = setting(
        Path("datasets"), "The folder where archives and the columns read from them are kept.", "FOLDER"
    )


@dataclass(frozen=True, kw_only=True)
class DataConfig(Reading, _Places):
    """Which data set, where it is kept, and how it is understood."""

    @property
    def reading(self) -> Reading:
        """How the files are understood."""
        return Reading(**{field.name: getattr(self, field.name) for field in fields(Reading)})


# --- the split --------------------------------------------------------------------------------------


class SplitKind(enum.StrEnum):
    """How the ratings are divided into train, validation and test."""

    RANDOM = "random"
    """Each rating at random."""
    TEMPORAL = "temporal"
    """One date for all: what comes later is held out."""
    LEAVE_LAST = "leave-last"
    """Each user's last rating to test, the second-last to validation."""
    WINDOWS = "windows"
    """Each rating at random, except for each user's first ones, predicted from the movies right before it.

    Those may be test movies themselves: what the sequential tutorials do.
    """
    COLD_ITEMS = "cold-items"
    """Items drawn at random, with all their ratings: what nobody has rated yet."""
    GIVEN = "given"
    """The train and test parts that the data come with."""
    U1, U2, U3, U4, U5 = "u1", "u2", "u3", "u4", "u5"
    """MovieLens 100K's five parts of its ratings, each a test part once."""
    UA, UB = "ua", "ub"
    """MovieLens 100K's splits with ten test ratings of each user."""

    @property
    def needs_times(self) -> bool:
        """Whether the times of ratings decide what is held out."""
        return self in (SplitKind.TEMPORAL, SplitKind.LEAVE_LAST, SplitKind.WINDOWS)


PUBLISHED_SPLITS = tuple(SplitKind(name) for name in ("u1", "u2", "u3", "u4", "u5", "ua", "ub"))
"""Those that members of MovieLens 100K's archive are."""
GIVEN_SPLITS = (SplitKind.GIVEN, *PUBLISHED_SPLITS)
"""The data say what the test part is."""


class TargetKind(enum.StrEnum):
    """After what a model is asked for each test rating's movie, and for each validation rating's."""

    TOGETHER = "together"
    """After training: what a user rates from then on is to be found at once."""
    SUCCESSIVE = "successive"
    """After all that its user rated before it: the next movie each time.

    Gusak et al. 2025, "Time to Split: Exploring Data Splitting Strategies for Offline Evaluation of
    Sequential Recommenders".
    """


MOST_FOLDS = 100


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Which ratings count, and how they are divided.

    Fractions are of ratings: test of all, validation of what is left for training; leave-last needs
    none, a given split no test fraction, and that of cold-items is of the items that are rated.
    `min_rating`, on the data's scale, and `k_core` leave ratings out before anything is divided. With `folds`
    the ratings are divided at random into so many parts, and part `fold`, from 0, is the test part.
    """

    kind: SplitKind = _data(
        SplitKind.RANDOM,
        f"How ratings are held out: {', '.join(SplitKind)}. given: as the data's own train and test files"
        " say, the default where there are such; u1 to ub: as MovieLens 100K's do.",
        "KIND",
        option="split",
    )
    test_fraction: float = _data(
        0.2,
        "The fraction of all ratings that is held out for the test; with --split cold-items, of the items.",
        "FRACTION",
        FRACTION,
    )
    validation_fraction: float = _data(
        0.05, "The fraction of the remaining ratings that is held out for validation.", "FRACTION", FRACTION
    )
    folds: int = _data(
        0,
        "Cross-validation: divide the ratings at random into N folds, and train every model N times, each"
        " time tested on another fold; 0 means none.",
        check=Check(f"0 (none) or 2 to {MOST_FOLDS}", lambda value: value == 0 or 2 <= value <= MOST_FOLDS),
    )
    fold: int = 0
    seed: int = 42  # of what is drawn at random
    min_rating: float | None = _data(
        None,
        "Use only ratings of this value or more, on the scale of the data; lower ones are no interactions.",
        "RATING",
    )
    k_core: int = _data(0, "Leave out users and movies until each has N ratings or more.", check=ZERO_OR_MORE)
    targets: TargetKind = _data(
        TargetKind.TOGETHER,
        f"After what each test rating is asked for: {', '.join(TargetKind)}. together: after training;"
        " successive: after all that its user rated before it, with --split temporal.",
        "KIND",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        require(0 <= self.fold < max(self.folds, 1), "the fold", self.fold, f"below --folds {self.folds}")
        if self.folds and self.kind is not SplitKind.RANDOM:
            raise UsageError(
                f"--folds {self.folds} divides the ratings at random, so it needs --split {SplitKind.RANDOM};"
                f" the split is {self.kind}"
            )

        if self.is_successive and self.kind is not SplitKind.TEMPORAL:
            raise UsageError(
                f"--targets {self.targets} asks for each test rating after all that came before it, so"
                f" training has to end before test: it needs --split {SplitKind.TEMPORAL}; the split is"
                f" {self.kind}"
            )

    @property
    def is_successive(self) -> bool:
        """Whether each test rating is asked for after all that its user rated before it."""
        return self.targets is TargetKind.SUCCESSIVE

    @property
    def mixes_times(self) -> bool:
        """Whether a model may have learned from ratings given after those it is tested on."""
        return self.kind in (SplitKind.RANDOM, SplitKind.WINDOWS, SplitKind.COLD_ITEMS, *PUBLISHED_SPLITS)

    @property
    def where(self) -> str:
        """For people: "on a random split", "on the u1 split", "in 5-fold cross-validation"."""
        if self.folds:
            return f"in {self.folds}-fold cross-validation"
        asked = f" with {self.targets} targets" if self.is_successive else ""
        return f"on {'the' if self.kind in GIVEN_SPLITS else 'a'} {self.kind} split{asked}"


# --- models -----------------------------------------------------------------------------------------


class Optimizer(enum.StrEnum):
    """How gradients become steps."""

    ADAM = "adam"
    ADAMW = "adamw"
    """Adam with decoupled weight decay."""
    ADAGRAD = "adagrad"


class Schedule(enum.StrEnum):
    """How the learning rate changes over the epochs."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Up in the first epoch, then down along half a cosine to a hundredth in the last."""


class Activation(enum.StrEnum):
    """What a feed-forward layer does with what it sums up."""

    RELU = "relu"
    GELU = "gelu"
    """By its usual approximation with a hyperbolic tangent.

    Hendrycks & Gimpel 2016, "Gaussian error linear units (GELUs)".
    """


class DropoutPlaces(enum.StrEnum):
    """Where in an attention block dropout is, besides its inputs."""

    EVERYWHERE = "everywhere"
    """On the attention weights, inside the feed-forward layer and on the outputs of both."""
    OUTPUTS = "outputs"
    """On the outputs of the attention and of the feed-forward layer."""


class Precision(enum.StrEnum):
    """Of the factors of products of matrices in training; sums, weights and rankings are in float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, kw_only=True)
class _Embeddings:
    """What every trained model has. Sizes are widths of vectors."""

    embedding_size: int = _model(64, "Width of each embedding.", "SIZE", ONE_OR_MORE)
    dropout: float = _model(
        0.2,
        "Fraction of values that dropout sets to 0: of each tower's inputs; in a sequential model, of the"
        " inputs, the attention weights and the outputs of layers.",
        "FRACTION",
        Check("0 or more and below 1", lambda value: 0 <= value < 1),
    )


MOST_MEMBERS = 32


@dataclass(frozen=True, kw_only=True)
class TowerConfig(_Embeddings):
    """What two towers are built of.

    `l2` weighs the embeddings' squares against the loss summed over all training interactions, so that it
    means the same for a small data set and a large one.

    `feature_l2` weighs what each feature of movies adds to the first layer, the mean of its squares over the
    movies, against the loss's mean over training interactions. In `l2` an embedding that many movies share
    costs no more than that of one: it would fit chance, and a column of noise would harm.

    `members`: None is decided by `models.hybrid.members`.
    """

    layer_sizes: tuple[int, ...] = _model(
        (128, 64),
        "Widths of each tower's dense layers, separated by spaces or commas. None: the embeddings are the"
        " towers, for ids alone.",
        "SIZE...",
        Check("1 or more each", lambda sizes: all(size > 0 for size in sizes)),
    )
    l2: float = _model(
        6.0,
        "Penalty on large embeddings. It means the same for small and for large data sets.",
        "WEIGHT",
        ZERO_OR_MORE,
    )
    feature_l2: float = _model(
        0.0,
        "Penalty on how much each feature of movies says, so that one that tells nothing says little.",
        "WEIGHT",
        ZERO_OR_MORE,
    )
    item_bias: bool = _model(False, "Learn a number for each movie that is added to its score, whoever asks.")
    members: int | None = _model(
        None,
        "Train N towers of a hybrid, each with a seed of its own; a score is their mean. If not given,"
        " 4 for up to about 100,000 training ratings, fewer for more, and 1 from about 270,000 on;"
        " with --split temporal that is so for ten times as many ratings.",
        check=Check(f"1 to {MOST_MEMBERS}", lambda value: 1 <= value <= MOST_MEMBERS),
    )
    query_layers: tuple[int, ...] = ()
    """Widths of dense layers of the query tower alone, before those that both have."""
    user_ids: bool = True
    """Whether a user is known by an embedding of their id; else by the movies of their history alone, which
    the model is trained to complete, so that a new user is as good as any."""
    rating_layers: tuple[int, ...] = ()
    """Widths of dense layers that predict ratings from both towers' embeddings alone, as TFRS' tutorial does;
    none: `models.rating.head`."""

    @property
    def query_sizes(self) -> tuple[int, ...]:
        """Widths of the query tower's dense layers."""
        return (*self.query_layers, *self.layer_sizes)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class SequenceConfig(_Embeddings):
    """What a model of the order of a user's movies is built of, and how its gradients become steps."""

    max_length: int = _sequence(
        200, "The model sees this many of the newest movies of a history.", check=ONE_OR_MORE
    )
    num_layers: int = _sequence(2, "Number of attention blocks or of recurrent layers.", check=ONE_OR_MORE)
    num_heads: int = _sequence(2, "Number of attention heads.", check=ONE_OR_MORE)
    hidden_size: int = _sequence(
        64,
        "Width of a block's feed-forward layer, or number of units of a recurrent layer.",
        "SIZE",
        ONE_OR_MORE,
    )
    activation: Activation = _sequence(
        Activation.RELU, f"Activation of a block's feed-forward layer: {', '.join(Activation)}.", "NAME"
    )
    dropout_places: DropoutPlaces = _sequence(
        DropoutPlaces.EVERYWHERE,
        f"Where in a block dropout is: {', '.join(DropoutPlaces)}. outputs leaves out the attention weights"
        " and the inside of the feed-forward layer.",
        "PLACES",
    )
    shared_embeddings: bool = _sequence(
        True, "Use one embedding for a movie in a history and for the same movie as a candidate."
    )
    whole_history: bool = _sequence(
        True, "Train also on movies that are older than the newest max_length of a history."
    )
    windows: bool = _sequence(
        False, "Train on one window for each movie, instead of on all movies of a segment at once."
    )
    num_negatives: int = _sequence(
        256,
        "Number of movies that the losses sampled and gbce sample for each micro-batch.",
        check=ONE_OR_MORE,
    )
    temperature: float = _sequence(
        0.0,
        "Compare directions: scale what is compared to length 1, and divide its product by this number. 0:"
        " the product as it is.",
        "NUMBER",
        ZERO_OR_MORE,
    )
    schedule: Schedule = _sequence(
        Schedule.COSINE, f"How the learning rate changes over the epochs: {', '.join(Schedule)}.", "NAME"
    )
    precision: Precision | None = _sequence(
        None,
        f"The numbers that training multiplies: {', '.join(Precision)}, summed in float32. If not given,"
        f" {Precision.FLOAT32} on CPUs and {Precision.BFLOAT16} on a GPU. On CPUs {Precision.BFLOAT16}, which"
        " not all have, is for the loss alone.",
        "NAME",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.embedding_size % self.num_heads:
            raise UsageError(
                f"--embedding_size {self.embedding_size} cannot be divided among --num_heads {self.num_heads}"
            )


ModelConfig = TowerConfig | SequenceConfig
"""The settings of a trained model."""


# --- tasks ------------------------------------------------------------------------------------------


class Task(enum.StrEnum):
    """What a model learns."""

    RETRIEVAL = "retrieval"
    """Which movies a user will watch."""
    RATING = "rating"
    """How many stars a user will give."""


@dataclass(frozen=True, kw_only=True)
class TaskWeights:
    """How much each task's loss counts, both means over the interactions: nats and squared stars."""

    retrieval: float = 1.0
    rating: float = 0.3

    def __post_init__(self) -> None:
        for name in ("retrieval", "rating"):
            require(getattr(self, name) >= 0, f"--{name}_weight", getattr(self, name), "0 or more")
        wanted = "above 0 where --rating_weight is 0"
        require(self.retrieval + self.rating > 0, "--retrieval_weight", self.retrieval, wanted)

    @property
    def label(self) -> str:
        """For people: "retrieval × 1, rating × 0.3"."""
        return f"retrieval × {self.retrieval:g}, rating × {self.rating:g}"


class RankBy(enum.StrEnum):
    """What decides the order among the movies that a model would retrieve first."""

    SCORE = "score"
    """How likely the user is to watch it."""
    RATING = "rating"
    """How many stars the user is predicted to give."""
    BLEND = "blend"
    """The mean of both, each in standard deviations from its mean."""


class Fairness(enum.StrEnum):
    """How the wishes of several people become one list."""

    LEAST_MISERY = "least-misery"
    """A movie counts as much as to whom it is worth least."""
    AVERAGE = "average"
    """It counts the mean of what it is worth to each."""
    TURNS = "turns"
    """They choose in turns, each their best movie that is left; who chose last in a round chooses first."""


# --- training ---------------------------------------------------------------------------------------


class LossKind(enum.StrEnum):
    """What is minimised."""

    CATALOGUE = "catalogue"
    """Softmax over every movie, interactions grouped by unique query."""
    IN_BATCH = "in-batch"
    """`tfrs.tasks.Retrieval`: softmax over the other movies of the batch."""
    IN_BATCH_CORRECTED = "in-batch-corrected"
    """The same with `candidate_sampling_probability`: each movie's fraction of the training ratings."""
    SAMPLED = "sampled"
    """Of sequential models: softmax over the positive and sampled movies, corrected for the sampling."""
    GBCE = "gbce"
    """Of sequential models: binary cross-entropy against sampled movies, calibrated.

    Petrov & Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation".
    """


IN_BATCH_LOSSES = (LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED)
SAMPLED_LOSSES = (LossKind.SAMPLED, LossKind.GBCE)
"""Losses that sample negatives."""
TOWER_LOSSES = (LossKind.CATALOGUE, *IN_BATCH_LOSSES)


class Weighting(enum.StrEnum):
    """How much each rating counts in training, by the number n of ratings of its query.

    A query is a user, or a user at a time where a feature sees the time.
    """

    RATINGS = "ratings"
    """All alike: long sessions decide."""
    ROOT = "root"
    """1 / √n: between the two."""
    QUERIES = "queries"
    """1 / n: every query counts alike, which serves metrics that are means over users."""


class Monitor(enum.StrEnum):
    """The validation metric that chooses the epoch, among unseen movies."""

    RECALL = "recall@100"
    NDCG = "ndcg@10"
    LOSS = "loss"
    """Of sequential models with the in-batch loss, which has a validation loss."""


DEFAULT_WEIGHTING = dict.fromkeys(SplitKind, Weighting.RATINGS) | {SplitKind.TEMPORAL: Weighting.ROOT}

MAX_SEED = 2**31 - 2
"""NumPy takes twice as much, TensorFlow's initializers this and one more."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how a model is trained. `patience` counts validations, not epochs.

    `weighting`: None is that of `DEFAULT_WEIGHTING`; in-batch losses know `RATINGS` only. `batch_size`: None
    is decided by `models.two_tower.query_batches` or `models.sequential.packed_batches`.
    """

    num_epochs: int = _training(100, "Maximum number of epochs.", check=ONE_OR_MORE)
    loss: LossKind = _training(
        LossKind.CATALOGUE,
        f"The loss: {', '.join(TOWER_LOSSES)}; sequential models also take {', '.join(SAMPLED_LOSSES)}.",
        "LOSS",
    )
    weighting: Weighting | None = _training(
        None,
        "How much a rating of a query with n ratings counts: ratings (1), root (1/√n) or queries"
        " (1/n). If not given, it depends on the split.",
        "KIND",
    )
    batch_size: int | None = _training(
        None,
        "Queries in a step; with an in-batch loss, interactions; in a sequential model, movies to learn."
        " If not given, it depends on the data.",
        check=ONE_OR_MORE,
    )
    learning_rate: float = _training(0.01, "Learning rate of the optimizer.", "RATE", ABOVE_ZERO)
    optimizer: Optimizer = _training(Optimizer.ADAM, f"The optimizer: {', '.join(Optimizer)}.", "NAME")
    summed_loss: bool = _training(
        False, "Minimise the sum of a step's losses instead of their mean, as TFRS does."
    )
    average_weights: bool = _training(
        True, "Evaluate and keep the running average of the weights, not those after the last step."
    )
    validation_freq: int = _training(5, "Validate after every N epochs.", check=ONE_OR_MORE)
    max_validation_users: int = _training(
        20_000,
        "Validate epochs on N users at most, chosen at random.",
        check=ONE_OR_MORE,
    )
    patience: int = _training(
        3,
        "Stop after this many validations without a better one; 0 means never.",
        check=Check("0 (never stop early) or more", lambda value: value >= 0),
    )
    monitor: Monitor | None = _training(
        None,
        f"The validation metric that chooses the epoch: {', '.join(Monitor)} (of sequential models with an"
        f" in-batch loss). If not given, {Monitor.NDCG}; with ratings {Monitor.RECALL} less their error.",
        "NAME",
    )
    refit: bool = _training(
        True, "Continue to train the model of the best epoch with the validation set added."
    )
    seed: int = _training(
        42,
        "Seed of the training's random numbers. The split does not change with it.",
        check=Check(f"0 to {MAX_SEED}", lambda value: 0 <= value <= MAX_SEED),
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.loss is not LossKind.CATALOGUE and self.weighting not in (None, Weighting.RATINGS):
            raise UsageError(f"--weighting {self.weighting} needs --loss {LossKind.CATALOGUE}")

    def resolved(self, split: SplitKind) -> Self:
        """The same with the weighting that a training on this split uses."""
        by_split = DEFAULT_WEIGHTING[split] if self.loss is LossKind.CATALOGUE else Weighting.RATINGS
        return replace(self, weighting=self.weighting or by_split)
