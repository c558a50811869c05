"""What is found out about a set of models: the numbers behind the table, the report and the JSON."""

from __future__ import annotations

from dataclasses import dataclass

from movierec_cli.config import Family, FeatureSet, SplitConfig
from movierec_cli.data.split import SplitSummary
from movierec_cli.evaluation.ablation import FeatureGain
from movierec_cli.evaluation.significance import Interval, PairedDifference
from movierec_cli.evaluation.top_k import TopK
from movierec_cli.leakage import Finding
from movierec_cli.recommend.listed_movies import RatedMovie
from movierec_cli.recommend.recommend import Recommendations
from movierec_cli.registry.record import DataIdentity, RunRecord


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """A feature set with all its seeds, or a baseline."""

    label: str  # "timestamp + movie_genres", "EASE"
    family: Family
    feature_set: FeatureSet
    records: tuple[RunRecord, ...]  # one a seed
    top_k: TopK  # of warm users, the mean of the seeds
    metrics: dict[str, Interval]  # by name and k, such as "recall@100": mean over warm users and seeds
    beyond: dict[str, float]  # by name and k, such as "coverage@10"

    @property
    def is_baseline(self) -> bool:
        """Whether it is there to be beaten."""
        return not self.family.is_trained


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

    user_id: int
    rated: tuple[RatedMovie, ...]  # best first
    recommended: tuple[Recommendations, ...]


@dataclass(frozen=True, kw_only=True)
class ComparedRatingModel:
    """A model that predicts ratings, with all its seeds."""

    label: str  # as among the models of the ranking, where it is one
    family: Family
    records: tuple[RunRecord, ...]  # one a seed
    rmse: Interval  # stars, over the test ratings; the interval is over users and seeds
    mae: Interval  # stars
    is_on_front: bool  # no other one has both a lower RMSE and a higher headline metric

    @property
    def is_baseline(self) -> bool:
        """Whether it is there to be beaten."""
        return not self.family.is_trained


@dataclass(frozen=True, kw_only=True)
class RatingStudy:
    """How well ratings are predicted."""

    answer: tuple[str, ...]  # sentences for people, the most important first
    models: tuple[ComparedRatingModel, ...]  # trained ones in the order given, then baselines
    differences: tuple[PairedDifference, ...]  # of the RMSE: all pairs with a trained one in them


@dataclass(frozen=True, kw_only=True)
class Study:
    """Contenders compared on one data set and split."""

    data: DataIdentity
    split: SplitConfig
    split_summary: SplitSummary
    headline: str  # the metric that decides, "recall@100"
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
