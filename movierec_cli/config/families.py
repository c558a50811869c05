"""The families table: one entry a kind of model, with everything that differs from the others.

The table is below `models`, because records, evaluation and messages name families and ask what they can do.
What fits a family is named by its path and imported when it is needed.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, fields, replace
from typing import Any

from movierec_cli.config.entry_points import EntryKind, Origin, PluginError, load, require_origin
from movierec_cli.config.features import (
    DEFAULT_FEATURE_SETS,
    TIME_GAP,
    Feature,
    FeatureSet,
    Kind,
    features_of,
)
from movierec_cli.config.settings import (
    IN_BATCH_LOSSES,
    PUBLISHED_SPLITS,
    TOWER_LOSSES,
    Activation,
    DataConfig,
    DropoutPlaces,
    LossKind,
    ModelConfig,
    Monitor,
    Schedule,
    SequenceConfig,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TowerConfig,
    TrainingConfig,
    Weighting,
)
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import listed


class Scoring(enum.Enum):
    """How the scores of a saved model that ranks are made."""

    EMBEDDINGS = enum.auto()
    """The product of embeddings, which a new user gets by `recommend.fold_in`."""
    FACTORS = enum.auto()
    """The same of factors, which a new user gets by least squares."""
    ITEM_WEIGHTS = enum.auto()
    """The sum of weights from the movies of a user's history to each movie."""
    ITEM_REGRESSION = enum.auto()
    """The same of weights that predict histories, which new users need not have told whole."""
    POPULARITY = enum.auto()
    """The same for all users."""
    EMBEDDINGS_AND_WEIGHTS = enum.auto()
    """The product of embeddings, a new user's from their history, and the sum of weights from it."""


@dataclass(frozen=True, kw_only=True)
class FamilySpec:
    """One entry of the table, or of a package. The second group is of trained families only.

    Attributes:
        label: for people.
        fit: what fits a run, as "module:NAME": from a `models.trained.Fitting` to a `Fitted`.
        baseline: the settings of a baseline that validation chooses from, and what fits it, as "module:NAME".
        packages: whose versions decide a run's numbers.
        ranks: whether it scores movies to be watched.
        rates: whether it predicts ratings in stars.
        needs_times: why it needs them, as a predicate about {noun}s; "" where it does not.
        most_movies: of a data set that it can be fitted to, where it inverts a matrix of all by all.
        scoring: how a saved run that ranks is asked.
        start: what is called before the module of `fit` is imported, as "module:NAME".
        kind: what it is built of; None for a baseline.
        with_tasks: the family that learns the rating task as well; "" if there is none.
        model: its settings, as they serve on most splits.
        training: how it is trained on most splits.
        on_split: what is set otherwise on a split: by "split", "model", "training" or "sets", then by field.
        feature_sets: what is compared where no set is named.
        baselines: that it is compared with where none is named.
        beside: families that are trained, too, where no feature set is named.
        default_split: the split where none is named.
        splits: on which it can be trained.
        losses: that it can minimise.
        without: settings of its configuration that have no meaning for it.
        check: refuses settings of the model and the training that do not go together; told the label as well.
        can_start: whether it can be started from a saved model, on data that have grown (`--start_from`).
        space: what `movierec tune` looks among, by option, as `config.search_space` reads it.
    """

    label: str
    fit: str
    baseline: str = ""
    packages: tuple[str, ...] = ("numpy",)
    ranks: bool = True
    rates: bool = False
    needs_times: str = ""
    most_movies: float = math.inf
    scoring: Scoring = Scoring.EMBEDDINGS

    start: str = ""
    kind: Kind | None = None
    with_tasks: str = ""
    model: ModelConfig | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)
    on_split: Mapping[SplitKind, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    feature_sets: tuple[FeatureSet, ...] = DEFAULT_FEATURE_SETS
    baselines: tuple[str, ...] = ("popularity", "ease")
    beside: tuple[str, ...] = ()
    default_split: SplitKind = SplitKind.RANDOM
    splits: tuple[SplitKind, ...] = tuple(SplitKind)
    losses: tuple[LossKind, ...] = tuple(LossKind)
    without: frozenset[str] = frozenset()
    check: Callable[[str, ModelConfig | None, TrainingConfig], None] = lambda label, model, training: None
    can_start: bool = False
    space: Mapping[str, str] = field(default_factory=dict)


def _check_windows(label: str, model: ModelConfig | None, training: TrainingConfig) -> None:
    """An in-batch loss of a sequential model needs windows."""
    has_windows = isinstance(model, SequenceConfig) and model.windows
    if training.loss in IN_BATCH_LOSSES and not has_windows:
        others = listed((loss for loss in LossKind if loss not in IN_BATCH_LOSSES), "or")
        raise UsageError(
            f"--loss {training.loss} of {label} compares a movie of one history with movies of others, which"
            f" needs --windows; add that, or use {others}"
        )


_TOWERS = FamilySpec(
    label="two towers",
    start="movierec_cli.models.tensorflow_start:start_tensorflow",
    fit="movierec_cli.models.two_tower.tower_training:fit_run",
    packages=("tensorflow", "tf_keras", "tensorflow-recommenders", "numpy"),
    kind=Kind.TOWERS,
    with_tasks="multi-task",
    model=TowerConfig(embedding_size=128, layer_sizes=(64,), dropout=0.4, feature_l2=0.02, item_bias=True),
    training=TrainingConfig(monitor=Monitor.NDCG),
    # The future holds other sessions than those trained on: much dropout carries over better.
    # Chosen on the months before 1M's temporal test set.
    on_split={SplitKind.TEMPORAL: {"model": {"dropout": 0.5}}},
    losses=TOWER_LOSSES,
    without=frozenset({"members"}),
    beside=("hybrid",),
    can_start=True,
    space={
        "learning_rate": "0.001..0.1:log",
        "dropout": "0..0.8",
        "embedding_size": "32,64,128,256",
        "layer_sizes": "32,64,128,128+64",
        "l2": "0.5..50:log",
    },
)

# Segments of ten movies, all of which are learned. One window for each movie is ten times the work and no
# better in the end: on 1M, validation found .214 of the movies among the ten best after 12 epochs of windows
# and .233 after 30 of segments, which took a third of the time.
_ON_WINDOWS: Mapping[str, Mapping[str, Any]] = {
    "model": {"max_length": 10},
    "training": {"num_epochs": 60, "batch_size": 6400},
}
_ON_SPLIT_OF_SEQUENCES: Mapping[SplitKind, Mapping[str, Mapping[str, Any]]] = {
    # Published results leave out movies with fewer than five ratings.
    SplitKind.LEAVE_LAST: {"split": {"k_core": 5}},
    SplitKind.WINDOWS: _ON_WINDOWS,
}

_OF_FEED_FORWARD = frozenset({"activation", "dropout_places"})
_OF_ATTENTION = _OF_FEED_FORWARD | {"num_heads"}

_SMALL_SASREC: Mapping[str, Any] = {
    "embedding_size": 64,
    "hidden_size": 64,
    "activation": Activation.RELU,
    "dropout": 0.2,
    "dropout_places": DropoutPlaces.EVERYWHERE,
}

# Settings chosen on the validation set of 1M. A softmax over all of its movies would take half as long again.
_SASREC = FamilySpec(
    label="SASRec",
    start="movierec_cli.models.sequential.engine:start_keras",
    fit="movierec_cli.models.sequential.sequence_training:fit_run",
    packages=("jax", "keras", "keras-rs", "numpy"),
    kind=Kind.SEQUENCES,
    needs_times="learns the order of a user's {noun}s",
    model=SequenceConfig(
        embedding_size=128,
        hidden_size=512,
        activation=Activation.GELU,
        dropout=0.3,
        dropout_places=DropoutPlaces.OUTPUTS,
        num_negatives=512,
    ),
    training=TrainingConfig(
        num_epochs=40,
        loss=LossKind.SAMPLED,
        learning_rate=0.002,
        validation_freq=3,
        patience=5,
    ),
    on_split={
        **_ON_SPLIT_OF_SEQUENCES,
        # The wider network was not tried on windows.
        SplitKind.WINDOWS: {
            "model": {**_ON_WINDOWS["model"], **_SMALL_SASREC},
            "training": {**_ON_WINDOWS["training"], "learning_rate": 0.003, "refit": False},
        },
    },
    # When the movies of the history were rated is known; only when the next one will be is not.
    feature_sets=(FeatureSet((TIME_GAP,)),),
    baselines=("popularity", "ease", "ials"),
    default_split=SplitKind.LEAVE_LAST,
    splits=tuple(
        split
        for split in SplitKind
        if split not in (SplitKind.RANDOM, SplitKind.COLD_ITEMS, *PUBLISHED_SPLITS)
    ),
    without=frozenset({"weighting", "average_weights"}),
    check=_check_windows,
    can_start=True,
    space={
        "learning_rate": "0.0005..0.02:log",
        "dropout": "0..0.6",
        "embedding_size": "32,64,128",
        "hidden_size": "64,128,256,512",
        "num_layers": "1..3",
        "max_length": "50,100,200",
    },
)

_BASELINES = "movierec_cli.models.baselines"


def baseline(
    label: str,
    choices: str,
    *packages: str,
    rates: bool = False,
    needs_times: str = "",
    most_movies: float = math.inf,
    scoring: Scoring = Scoring.POPULARITY,
) -> FamilySpec:
    """The entry of a baseline.

    Args:
        label: for people.
        choices: its `Baseline`, as "module:NAME".
        packages: besides NumPy, whose versions decide a run's numbers.
        rates: whether it predicts ratings, or else ranks.
        needs_times: why it needs them, as a predicate about {noun}s; "" where it does not.
        most_movies: of a data set that it can be fitted to.
        scoring: how a saved run is asked, by what its `Kept` holds: weights, embeddings (factors) or neither.
    """
    return FamilySpec(
        label=label,
        fit=f"{_BASELINES}.fit_baseline:fit_run",
        baseline=choices,
        packages=("numpy", *packages),
        ranks=not rates,
        rates=rates,
        needs_times=needs_times,
        most_movies=most_movies,
        scoring=scoring,
    )


def _baseline(label: str, choices: str, *packages: str, **settings: Any) -> FamilySpec:
    return baseline(label, f"{_BASELINES}.{choices}", *packages, **settings)


class Family(enum.StrEnum):
    """A kind of model: its name, and its entry as `spec`.

    Those of packages are values of it too, by `Family.named`, but not among those that it counts. Two are
    equal by name and package.
    """

    spec: FamilySpec
    label: str  # for people
    is_trained: bool  # whether it has features and is trained in epochs
    is_baseline: bool  # what the trained are to be better than
    is_sequential: bool  # whether it models the order of a user's movies
    ranks: bool  # whether it scores movies to be watched
    rates: bool  # whether it predicts ratings in stars
    origin: Origin | None  # the package that brings it

    def __new__(cls, name: str, spec: FamilySpec) -> Family:
        return cls._of_spec(name, spec)

    @classmethod
    def _of_spec(cls, name: str, spec: FamilySpec, origin: Origin | None = None) -> Family:
        member = str.__new__(cls, name)
        member._value_, member.spec, member.label, member.origin = name, spec, spec.label, origin
        member.is_trained, member.is_sequential = spec.kind is not None, spec.kind is Kind.SEQUENCES
        member.is_baseline = bool(spec.baseline)
        member.ranks, member.rates = spec.ranks, spec.rates
        return member

    @classmethod
    def of_package(cls, name: str, spec: FamilySpec, origin: Origin) -> Family:
        """A family that a package brings."""
        family = cls._of_spec(name, spec, origin)
        family._name_ = name
        return family

    @classmethod
    def _missing_(cls, value: object) -> Family | None:
        found = load(EntryKind.FAMILY, value, FamilySpec) if isinstance(value, str) else None
        if found is None:
            return None
        if found.entry.kind is Kind.SEQUENCES:  # their users are asked of the network, which would be another
            raise PluginError(
                f"family '{value}' of package {found.origin} is of Kind.SEQUENCES; packages bring baselines"
                " and families of Kind.TOWERS"
            )
        return cls.of_package(str(value), found.entry, found.origin)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True and self.origin == getattr(other, "origin", self.origin)

    def __ne__(self, other: object) -> bool:  # texts have their own
        return not self == other

    __hash__ = str.__hash__

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        own = Family, (self.value,)
        return own if self.origin is None else (Family.of_package, (self.value, self.spec, self.origin))

    TWO_TOWER = "two-tower", _TOWERS
    MULTI_TASK = (
        "multi-task",
        # Stars overfit shared embeddings sooner than retrieval does. Chosen on validation sets of 100K.
        replace(
            _TOWERS,
            label="two towers, two tasks",
            rates=True,
            model=TowerConfig(l2=20.0),
            # Trained on with the validation set added, it predicts worse: on u1 RMSE .899, without .890.
            training=TrainingConfig(refit=False),
            on_split={SplitKind.TEMPORAL: {"model": {"layer_sizes": (64,), "dropout": 0.5}}},
            beside=(),
            can_start=False,
        ),
    )
    """Two towers with a second head that predicts ratings."""
    HYBRID = (
        "hybrid",
        replace(
            _TOWERS,
            label="hybrid",
            fit="movierec_cli.models.hybrid.hybrid_training:fit_run",
            packages=(*_TOWERS.packages, "scipy"),
            scoring=Scoring.EMBEDDINGS_AND_WEIGHTS,
            with_tasks="",
            model=TowerConfig(
                embedding_size=128,
                query_layers=(128,),
                layer_sizes=(64,),
                dropout=0.4,
                l2=0.0,
                item_bias=True,
                user_ids=False,
            ),
            # The sum is flat near its best epoch, and validation sees that through noise.
            training=TrainingConfig(num_epochs=150, learning_rate=0.005, monitor=Monitor.NDCG, patience=8),
            feature_sets=(FeatureSet.parse(["movie_genres", "movie_year"]),),
            # With one date for all, what the time tells is no hindsight; and the future is less like the past
            # the longer it is learned. Chosen on the months before 1M's temporal test set.
            on_split={
                SplitKind.TEMPORAL: {
                    "model": {"dropout": 0.5},
                    "training": {"num_epochs": 40, "weighting": Weighting.RATINGS},
                    "sets": {"feature_sets": (DEFAULT_FEATURE_SETS[-1],)},
                }
            },
            losses=(LossKind.CATALOGUE,),
            without=frozenset(),
            beside=(),
            can_start=False,
            space={
                "learning_rate": "0.001..0.05:log",
                "dropout": "0..0.8",
                "embedding_size": "64,128,256",
                "layer_sizes": "32,64,128",
            },
        ),
    )
    """A tower that reads a user's history, and weights from item to item: two kinds of evidence, added."""
    GRU4REC = (
        "gru4rec",
        replace(
            _SASREC,
            label="GRU4Rec",
            model=SequenceConfig(num_layers=1, num_heads=1, hidden_size=128, num_negatives=512),
            # A recurrent step is one small product after another, and costs time for every row it lacks.
            training=replace(
                _SASREC.training, num_epochs=50, learning_rate=0.004, batch_size=12_800, refit=False
            ),
            on_split=_ON_SPLIT_OF_SEQUENCES,
            without=_SASREC.without | _OF_ATTENTION,
        ),
    )
    """Gated recurrent units over the movies in the order they were rated."""
    SASREC = "sasrec", _SASREC
    """Self-attention over the movies in the order they were rated."""
    HSTU = (
        "hstu",
        # The settings that its authors published for 1M, where they packed nothing: 64 full rows hold as many
        # of its histories as their steps do, 128.
        replace(
            _SASREC,
            label="HSTU",
            model=SequenceConfig(
                embedding_size=50,
                num_heads=1,
                whole_history=False,
                num_negatives=128,
                temperature=0.05,
                schedule=Schedule.CONSTANT,
            ),
            training=replace(
                _SASREC.training, num_epochs=101, learning_rate=0.001, batch_size=12_800, refit=False
            ),
            on_split=_ON_SPLIT_OF_SEQUENCES,
            without=_SASREC.without | _OF_FEED_FORWARD | {"hidden_size"},
            space={name: one for name, one in _SASREC.space.items() if name != "hidden_size"},
        ),
    )
    """Gated attention without a softmax over the movies in the order they were rated."""
    POPULARITY = "popularity", _baseline("popularity", "ranking_baselines:POPULARITY")
    RECENT_POPULARITY = (
        "recent-popularity",
        _baseline(
            "recent popularity",
            "ranking_baselines:RECENT_POPULARITY",
            needs_times="counts how often {noun}s were chosen in the last days",
        ),
    )
    ITEM_KNN = (
        "item-knn",
        _baseline("item-kNN", "ranking_baselines:ITEM_KNN", "implicit", scoring=Scoring.ITEM_WEIGHTS),
    )
    IALS = "ials", _baseline("iALS", "ranking_baselines:IALS", "implicit", scoring=Scoring.FACTORS)
    EASE = (
        "ease",
        _baseline("EASE", "ease:EASE", "scipy", most_movies=20_000, scoring=Scoring.ITEM_REGRESSION),
    )
    GLOBAL_MEAN = "global-mean", _baseline("global mean", "rating_baselines:GLOBAL_MEAN", rates=True)
    RATING_BIAS = "rating-bias", _baseline("user + movie bias", "rating_baselines:RATING_BIAS", rates=True)
    BIASED_MF = (
        "biased-mf",
        _baseline("biased MF", "rating_baselines:BIASED_MF", "scikit-surprise", rates=True),
    )
    OTHER = "other", FamilySpec(label="other", fit="", packages=())
    """What another library made: lists or scores from a file. It is judged, and neither fitted nor saved."""

    @classmethod
    def named(cls, name: str) -> Family:
        """The family of a name that there is: of the table, else of a package.

        Raises:
            ValueError: there is none.
            PluginError: that of a package cannot be used.
        """
        return cls(name)  # type: ignore[call-arg]  # by its value, as enums are

    @property
    def has_item_weights(self) -> bool:
        """Whether a saved run scores by weights from movie to movie."""
        return self.ranks and self.spec.scoring in _OF_WEIGHTS

    @property
    def names_runs(self) -> bool:
        """Whether a trained run is named after its family, too; those of two towers have only features."""
        is_usual = self.origin is None and not self.is_sequential and not self.has_item_weights
        return self.is_trained and not is_usual

    @property
    def beside(self) -> tuple[Family, ...]:
        """What is trained, too, where no feature set is named."""
        return tuple(map(Family.named, self.spec.beside))

    @property
    def with_tasks(self) -> Family | None:
        """The family that learns the rating task as well."""
        return Family.named(self.spec.with_tasks) if self.spec.with_tasks else None

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it can see besides ids."""
        return features_of(self.spec.kind) if self.spec.kind is not None else ()

    def has_setting(self, name: str) -> bool:
        """Whether a field of a model's or a training's settings has a meaning for it, if it is trained."""
        others = {own for family in Family for own in _fields(family.spec.model)}
        return name not in self.spec.without and (name in _fields(self.spec.model) or name not in others)


@dataclass(frozen=True)
class FamilyFacts:
    """What a saved model keeps of a family that a package brings: it can be used without the package."""

    name: str
    package: str
    version: str
    label: str
    ranks: bool
    rates: bool
    is_baseline: bool
    scoring: str  # the name of a `Scoring` in small letters
    kind: Kind | None

    @classmethod
    def of(cls, family: Family) -> FamilyFacts:
        """Of a family of a package."""
        assert family.origin is not None
        spec = family.spec
        return cls(
            name=family.value,
            package=family.origin.package,
            version=family.origin.version,
            label=spec.label,
            ranks=spec.ranks,
            rates=spec.rates,
            is_baseline=family.is_baseline,
            scoring=spec.scoring.name.lower(),
            kind=spec.kind,
        )

    def family(self) -> Family:
        """The family, which cannot be fitted: how, is asked of the package (`fitting_spec`).

        Raises:
            UsageError: there is no such scoring.
        """
        if self.scoring.upper() not in Scoring.__members__:
            raise UsageError(
                f"the scoring of '{self.name}' is '{self.scoring}', and there is none of that name"
            )
        spec = FamilySpec(
            label=self.label,
            fit="",
            baseline=_OF_PACKAGE if self.is_baseline else "",
            ranks=self.ranks,
            rates=self.rates,
            scoring=Scoring[self.scoring.upper()],
            kind=self.kind,
            model=_MODELS[self.kind] if self.kind is not None else None,
        )
        return Family.of_package(self.name, spec, Origin(self.package, self.version))


_OF_PACKAGE = "package"
"""In place of a path that only the package knows."""
_MODELS: Mapping[Kind, ModelConfig] = {Kind.TOWERS: TowerConfig(), Kind.SEQUENCES: SequenceConfig()}


def fitting_spec(family: Family) -> FamilySpec:
    """What fits a family.

    Raises:
        PluginError: the package that brings it is not installed, or in another version than that of `family`.
    """
    if family.origin is None:
        return family.spec
    require_origin(EntryKind.FAMILY, family.value, family.origin)
    return Family.named(family.value).spec


_OF_WEIGHTS = (Scoring.ITEM_WEIGHTS, Scoring.ITEM_REGRESSION, Scoring.EMBEDDINGS_AND_WEIGHTS)


def _fields(model: ModelConfig | None) -> set[str]:
    return {one.name for one in fields(model)} if model is not None else set()


SEQUENTIAL = tuple(family for family in Family if family.is_sequential)
TRAINABLE = tuple(family for family in Family if family.is_trained and not family.rates)
"""What can be named to be trained; the rating task is named apart."""
BASELINES = tuple(family for family in Family if family.is_baseline and family.ranks)
"""What a ranking is to be better than."""
RATING_BASELINES = tuple(family for family in Family if family.is_baseline and family.rates)
DEFAULT_BASELINES = (Family.POPULARITY, Family.EASE)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of a training, and the baselines it is compared with."""

    family: Family = Family.TWO_TOWER
    split: SplitConfig
    feature_sets: tuple[FeatureSet, ...] = DEFAULT_FEATURE_SETS
    model: ModelConfig
    training: TrainingConfig
    other_models: tuple[ModelConfig, ...] = ()  # trained beside `model`
    tasks: tuple[TaskWeights, ...] = ()  # none: retrieval alone
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    dataset: str = DataConfig.dataset


def default_settings(
    family: Family = Family.TWO_TOWER, split: SplitKind | None = None, *, rates: bool = False
) -> Settings:
    """The settings of a family on a kind of split where none is named.

    Args:
        family: of `TRAINABLE`.
        split: None: the family's default.
        rates: whether it also learns the rating task.
    """
    spec = family.with_tasks.spec if rates and family.with_tasks else family.spec
    if spec.model is None:
        raise ValueError(f"{family} is not trained")
    kind = split or spec.default_split
    own = spec.on_split.get(kind, {})
    training = replace(spec.training, **own.get("training", {}))
    return Settings(
        family=family,
        split=SplitConfig(kind=kind, **own.get("split", {})),
        feature_sets=own.get("sets", {}).get("feature_sets", spec.feature_sets),
        model=replace(spec.model, **own.get("model", {})),
        training=training.resolved(kind) if family.has_setting("weighting") else training,
        baselines=tuple(map(Family.named, spec.baselines)),
    )


def check_split(family: Family, kind: SplitKind) -> None:
    """Refuses a split on which the order of a user's movies has no meaning, to a model of that order.

    Raises:
        UsageError: says why, and which splits there are.
    """
    if kind not in family.spec.splits:
        others = [f"--split {other}" for other in family.spec.splits]
        raise UsageError(
            f"--split {kind} holds out ratings wherever they are in their user's order, and"
            f" {family.label} learns that order; use {listed(others, 'or')}"
        )


def check_features(family: Family, feature_sets: Iterable[FeatureSet]) -> None:
    """Refuses features that the family cannot see.

    Raises:
        UsageError: names them, and those it can see.
    """
    named = FeatureSet(tuple(feature for feature_set in feature_sets for feature in feature_set.features))
    unseen = [feature for feature in named.features if family.spec.kind not in feature.kinds]
    if unseen:
        raise UsageError(
            f"{family.label} cannot see {listed(unseen, 'or')}; --additional_feature_sets takes, with"
            f" --family {family}: {', '.join(['None', *family.features])}"
        )
