"""What is found out about a set of models: the numbers behind the table, the report and the JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Generic, TypeVar

from movierec_cli.config import NO_FEATURES, SAMPLED_LOSSES, Family, FeatureSet, SplitConfig, Task
from movierec_cli.data.dataset import Id
from movierec_cli.data.split import SplitSummary
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.metrics import TopK, parse_metric
from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.leakage.finding import Finding
from movierec_cli.recommend.recommend import Recommendations
from movierec_cli.recommend.users import RatedMovie
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord
from movierec_cli.registry.store import Run

Of = TypeVar("Of", covariant=True)


@dataclass(frozen=True)
class Evaluated(Generic[Of]):
    """A run with what it did with the requested test set."""

    run: Run
    outcome: Of
    known_k: float = math.inf  # so many of the best are known of each list; a file may have no more
    ranks_all: bool = True  # whether what a user had in training has a place, too

    def tells(self, metric: str) -> bool:
        """Whether a metric is known, such as "recall@100"."""
        kind, k = parse_metric(metric)
        return math.isinf(self.known_k) or (kind.uses_k and k <= self.known_k)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A model in whatever is compared: a feature set with all its seeds or folds, or a baseline."""

    label: str  # "timestamp + movie_genres", "EASE"
    family: Family
    records: tuple[RunRecord, ...]  # one a seed or a fold

    @property
    def times(self) -> str:
        """How often it was trained where that is several times, such as "× 3 seeds" or "× 5 folds"."""
        what = "folds" if self.records[0].config.split.folds else "seeds"
        return f"× {len(self.records)} {what}" if len(self.records) > 1 else ""

    @property
    def is_baseline(self) -> bool:
        """Whether it is there to be beaten."""
        return self.family.is_baseline

    @property
    def is_own(self) -> bool:
        """Whether this program trained or fitted it."""
        return self.family is not Family.OTHER


def by_model(evaluated: Sequence[Evaluated[Of]]) -> dict[str, list[Evaluated[Of]]]:
    """Runs that differ only in the seed of their training, or the fold, are one model, in the order of these.

    Trained ones come first, then others, then baselines. The label of a trained one does not depend on the
    baselines beside it.
    """
    groups: dict[RunConfig, list[Evaluated[Of]]] = {}
    families = [(one, one.run.record.config.family) for one in evaluated]
    for one, _ in sorted(families, key=lambda pair: (pair[1].is_baseline, not pair[1].is_trained)):
        groups.setdefault(one.run.record.config.repeated, []).append(one)
    return dict(
        zip(_labels(list(groups)), (sorted(group, key=_seed) for group in groups.values()), strict=True)
    )


def pairs(models: Sequence[Compared]) -> list[tuple[str, str]]:
    """Every two models of which one at least is no baseline, the later one first: it has more features."""
    return [
        (b.label, a.label) if not b.is_baseline else (a.label, b.label)
        for i, a in enumerate(models)
        for b in models[i + 1 :]
        if not a.is_baseline
    ]


def tasks_of(one: Compared) -> set[Task]:
    """What a model is trained for, or a baseline made for."""
    weights = one.records[0].config.tasks
    if weights is None:
        return {Task.RETRIEVAL} if one.family.ranks else {Task.RATING}
    return {task for task in Task if getattr(weights, task) > 0}


def settings_of(config: RunConfig) -> dict[str, Any]:
    """How a model was built and trained, by name: what says something to its family. Baselines: nothing."""
    settings = {
        name: value
        for part in (config.model, config.training)
        if part is not None
        for name, value in asdict(part).items()
        if config.family.has_setting(name)
    }
    if config.training is not None and config.training.loss not in SAMPLED_LOSSES:
        settings.pop("num_negatives", None)
    return settings


def _seed(one: Evaluated[Any]) -> tuple[int, int]:
    config = one.run.record.config
    return config.training.seed if config.training is not None else 0, config.split.fold


def _labels(configs: Sequence[RunConfig]) -> list[str]:
    """What people call each; the settings in which models of one family differ follow.

    Weights of tasks are in the names already, and follow only where these are alike.
    """
    labels = [config.label for config in configs]
    labelled = []
    for config, label in zip(configs, labels, strict=True):
        kin = [settings_of(other) for other in configs if other.family == config.family]
        alike = [_with_weights(other) for other, name in zip(configs, labels, strict=True) if name == label]
        own = _with_weights(config)
        differing = [
            key
            for key in own
            if any(key in other and other[key] != own[key] for other in kin)
            or any(other.get(key) != own[key] for other in alike)
        ]
        words = ", ".join(f"{key} {_shown(own[key])}" for key in differing)
        labelled.append(f"{label} ({words})" if words else label)
    return labelled


def _with_weights(config: RunConfig) -> dict[str, Any]:
    weights = asdict(config.tasks) if config.tasks is not None else {}
    packages = {origin.package: origin.version for origin in config.origins}
    return settings_of(config) | {f"{task}_weight": weight for task, weight in weights.items()} | packages


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, kw_only=True)
class ComparedModel(Compared):
    """A model that ranks."""

    feature_set: FeatureSet
    top_k: TopK  # of warm users, the mean of the seeds
    metrics: dict[str, Interval]  # by name and k, such as "recall@100": mean over warm users and seeds
    beyond: dict[str, float]  # by name and k, such as "coverage@10"


def winner(models: Sequence[ComparedModel], metric: str) -> ComparedModel:
    """The model with the highest mean of a metric; the first of equals."""
    return max(models, key=lambda one: one.metrics[metric].mean)


def trained_alike(models: Sequence[ComparedModel]) -> dict[FeatureSet, ComparedModel]:
    """Trained models that differ in features and seed only; where several ways were, of the most frequent."""
    ways: dict[RunConfig, dict[FeatureSet, ComparedModel]] = {}
    for one in models:
        if one.family.is_trained:
            way = replace(one.records[0].config.repeated, feature_set=NO_FEATURES)
            ways.setdefault(way, {})[one.feature_set] = one
    return max(ways.values(), key=len, default={})


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One part of the test ratings and each model's accuracy on it."""

    dimension: str  # "user activity", "movie popularity", "age", "genre", "cold"
    name: str  # "light: up to 40 ratings"
    n_users: int
    n_ratings: int  # test ratings in the segment
    accuracy: tuple[float | None, ...]  # headline metric of each model; None where n_ratings is 0


@dataclass(frozen=True, kw_only=True)
class UserLists:
    """One user's ratings and what each trained model recommends to them."""

    user_id: Id
    rated: tuple[RatedMovie, ...]  # best first
    recommended: tuple[Recommendations, ...]


@dataclass(frozen=True, kw_only=True)
class ComparedRatingModel(Compared):
    """A model that predicts ratings; its label is the same among the models that rank, where it is one."""

    rmse: Interval  # stars, over the test ratings; the interval is over users and seeds
    mae: Interval  # stars
    is_on_front: bool  # no other one has both a lower RMSE and a higher headline metric


@dataclass(frozen=True, kw_only=True)
class RatingStudy:
    """How well ratings are predicted."""

    answer: tuple[str, ...]  # sentences for people, the most important first
    models: tuple[ComparedRatingModel, ...]  # trained ones in the order given, then baselines
    differences: tuple[PairedDifference, ...]  # of the RMSE: all pairs with a trained one in them


@dataclass(frozen=True, kw_only=True)
class Study:
    """Models compared on one data set and split."""

    data: DataIdentity
    split: SplitConfig
    split_summary: SplitSummary
    headline: str  # the metric that decides, "ndcg@10"
    answer: tuple[str, ...]  # sentences for people, the most important first
    warnings: tuple[str, ...]  # sentences: which trained models do not beat which baselines
    models: tuple[ComparedModel, ...]  # trained sets in the order given, then baselines
    differences: tuple[PairedDifference, ...]  # of the headline metric: all pairs with a trained set in them
    ablation: tuple[FeatureGain, ...]
    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...]
    user_lists: tuple[UserLists, ...]
    commands: tuple[str, ...]  # that trained the runs; none for runs that were trained from Python
    ratings: RatingStudy | None = None  # where a model predicts them
