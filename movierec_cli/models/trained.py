"""How a run of any family is fitted: what it is given, what it tells, and what it gives to the registry.

The families table says which function fits a family; it is imported when it is called. Nothing here needs
an engine.
"""

from __future__ import annotations

import importlib.metadata
import math
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from movierec_cli import __version__
from movierec_cli.config import Family, Feature, Processes, TrainingConfig
from movierec_cli.config.entry_points import named_in_errors
from movierec_cli.config.families import FamilySpec, fitting_spec
from movierec_cli.data.dataset import HALF_STARS, Dataset, RatingScale
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.evaluation.ratings import RatingErrors, clipped
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.records import dataclass
from movierec_cli.registry.record import EpochRecord, RunConfig
from movierec_cli.registry.run_parts import RunArtifacts, RunParts
from movierec_cli.registry.store import Run

VALIDATION_SEED = 0


@dataclass(frozen=True)
class Validation:
    """What the validation set shows of a model."""

    score: float  # the epoch with the highest is kept
    top_k: TopK
    ratings: RatingErrors | None = None  # where it predicts them
    ndcg: float | None = None  # at 10, unseen
    loss: float | None = None  # of an in-batch loss of sequences
    of_users: npt.NDArray[np.float64] | None = None
    """The metric behind `score` of each user, where later epochs are kept as long as they are not worse."""

    def is_as_good_as(self, best: Validation) -> bool:
        """Whether the score is not lower, or lower by less than one standard error of the difference.

        The second where users' values are known (the rule of one standard error; Breiman et al. 1984,
        "Classification and Regression Trees").
        """
        if self.score > best.score:
            return True
        if self.of_users is None or best.of_users is None or len(self.of_users) < 2:
            return False
        loss = best.of_users - self.of_users
        return bool(loss.mean() <= loss.std(ddof=1) / math.sqrt(len(loss)))

    def record(self, epoch: int, train_loss: float | None, elapsed_s: float) -> EpochRecord:
        """What is kept of the validation after an epoch."""
        return EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            elapsed_s=elapsed_s,
            validation=self.top_k,
            ratings=self.ratings,
            ndcg=self.ndcg,
            validation_loss=self.loss,
        )


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """How a fit went. A baseline has no epochs, and one validation if any, as that of epoch 0."""

    training_s: float
    validation_s: float = 0.0
    history: tuple[EpochRecord, ...] = ()
    best_epoch: int = 0  # the epoch whose weights the model holds
    epochs_run: int = 0


@dataclass(frozen=True)
class Fitting:
    """What is to be fitted, and on what."""

    dataset: Dataset
    split: Split
    config: RunConfig
    observer: TrainingObserver
    checkpoint: Path  # the folder from which an interrupted training can be resumed
    judged: Run | None = None  # a run of the same split, which is trained on with all ratings, for use
    processes: Processes | None = None  # that train it together, where there are several
    parent: Run | None = None  # whose weights it begins with, see `models.started`
    only_validated: bool = False
    """Whether the fit ends with its best epoch: nothing is trained on, and the test part is not looked at."""

    @property
    def features_from(self) -> Run | None:
        """The run whose features are taken as they are; None where they are fitted to the training part."""
        return self.judged if self.judged is not None and self.config.parent else self.parent

    @property
    def epochs_on_all(self) -> int:
        """For how many epochs a judged run is trained on with all ratings.

        It goes on from its weights, for its best epoch's number times the share that the ratings it does not
        know are of those it knows, 1 or more. On a fifth held out that is a quarter of the epochs, where
        training anew would take them all.
        """
        assert self.judged is not None and self.config.training is not None
        n_known = len(self.split.fit if self.config.training.refit else self.split.train)
        n_new = len(self.dataset.ratings) - n_known
        return math.ceil(self.judged.record.best_epoch * n_new / n_known)

    def evaluated_rows(self, seen: RaggedRows) -> npt.NDArray[np.int64]:
        """The validation ratings of users who have seen a movie in training, or of some of these users.

        Raises:
            MovierecError: there are none.
        """
        rows = evaluated_rows(self.dataset, self.split, seen)
        if len(rows) == 0:
            raise MovierecError("no user of the validation set has a rating in train; hold out less, or more")
        assert self.config.training is not None  # only epochs are validated
        users = self.dataset.ratings.user_index[rows]
        kept = validated_users(users, self.config.training)
        if (n_users := len(np.unique(users))) > len(kept):
            self.observer.noted(
                f"epochs are validated on {len(kept):,} of {n_users:,} users, chosen at random"
                " (--max_validation_users)"
            )
        return rows[np.isin(users, kept)]


def evaluated_rows(dataset: Dataset, split: Split, seen: RaggedRows) -> npt.NDArray[np.int64]:
    """The validation ratings of users who have seen a movie in training, if there are any."""
    rows = split.validation
    return rows[seen.lengths[dataset.ratings.user_index[rows]] > 0]


def validated_users(users: npt.NDArray[np.int32], training: TrainingConfig) -> npt.NDArray[np.int32]:
    """Those of the users on whom epochs are validated, the same for every seed of the training.

    Args:
        users: who have ratings to validate on, each any number of times.
        training: how many at most.
    """
    different, most = np.unique(users), training.max_validation_users
    if len(different) <= most:
        return different
    return np.random.default_rng(VALIDATION_SEED).choice(different, most, replace=False)


@dataclass(frozen=True)
class Fitted:
    """A model of any family as the registry takes it."""

    results: dict[str, Any]  # fields of the record
    parts: RunParts

    @classmethod
    def of(
        cls, fit: FitResult, n_parameters: int, parts: RunParts, settings: dict[str, float] | None = None
    ) -> Fitted:
        """From how its fit went, and the settings that a baseline chose."""
        return cls(vars(fit) | {"n_parameters": n_parameters, "settings": settings or {}}, parts)

    @classmethod
    def only_validated(cls, fit: FitResult) -> Fitted:
        """From how its fit went, where the model itself is not kept."""
        return cls(dict(vars(fit)), RunParts())


def run_artifacts(
    dataset: Dataset,
    vocabularies: dict[Feature, dict[str, Any]],
    weights: dict[str, npt.NDArray[np.float32]],
    users: npt.NDArray[np.float32],
    movies: npt.NDArray[np.float32],
) -> RunArtifacts:
    """What a run keeps of a trained model: its weights, and the embeddings of all users and movies."""
    return RunArtifacts(
        weights=weights,
        vocabularies={str(feature): vocabulary for feature, vocabulary in vocabularies.items()},
        user_ids=dataset.users.user_id,
        movie_ids=dataset.movies.movie_id,
        user_embeddings=users,
        movie_embeddings=movies,
    )


def require_finite(loss: float, config: TrainingConfig) -> None:
    """Refuses an epoch's loss that is no number.

    Raises:
        MovierecError: names the learning rate.
    """
    if not np.isfinite(loss):
        rate = config.learning_rate
        raise MovierecError(f"training diverged (loss {loss}) at --learning_rate {rate}; lower it")


def fit_run(fitting: Fitting) -> Fitted:
    """Fits a model of any family.

    Raises:
        MovierecError: it cannot be fitted to these data, or training diverged.
    """
    fit, scale = fit_of(fitting.config.family), fitting.dataset.ratings.scale
    if fitting.config.family.rates and scale is not None and not scale.is_of_stars:
        return _in_stars(fitting, scale, fit)
    return fit(fitting)


def fit_of(family: Family) -> Callable[[Fitting], Fitted]:
    """What fits a family, its engine started.

    Raises:
        PluginError: the package that brings it is not installed, or it cannot be imported; or, of what it
            returns, that its fit failed.
    """
    spec = fitting_spec(family)
    if family.origin is None:
        return _resolved(spec)
    who = f"family '{family}' of package {family.origin}"
    return named_in_errors(
        named_in_errors(_resolved, f"{who} cannot be imported")(spec), f"{who} cannot be fitted"
    )


def _resolved(spec: FamilySpec) -> Callable[[Fitting], Fitted]:
    if spec.start:
        pkgutil.resolve_name(spec.start)()
    fit: Callable[[Fitting], Fitted] = pkgutil.resolve_name(spec.fit)
    return fit


class _OnScale:
    """An observer of a fit to stars, which is told the errors on the scale of the data."""

    def __init__(self, observer: TrainingObserver, per_star: float):
        self._observer, self._per_star = observer, per_star

    def __getattr__(self, name: str) -> Any:
        return getattr(self._observer, name)

    def validated(self, record: EpochRecord) -> None:
        self._observer.validated(self.record(record))

    def record(self, one: EpochRecord) -> EpochRecord:
        if one.ratings is None:
            return one
        return replace(
            one, ratings=RatingErrors(**{k: self._per_star * v for k, v in vars(one.ratings).items()})
        )


def _in_stars(fitting: Fitting, scale: RatingScale, fit: Callable[[Fitting], Fitted]) -> Fitted:
    """Fits to ratings as stars, for which steps and penalties were chosen; what it gives is on the scale."""
    per_star = scale.per_star
    first = scale.lowest - per_star * HALF_STARS.lowest  # the rating of no stars
    ratings, told = fitting.dataset.ratings, _OnScale(fitting.observer, per_star)
    stars = replace(ratings, rating=(ratings.rating - np.float32(first)) / np.float32(per_star))
    dataset = replace(fitting.dataset, ratings=stars)
    fitted = fit(replace(fitting, dataset=dataset, observer=cast(TrainingObserver, told)))
    parts = fitted.parts
    if (outcome := parts.rating_outcome) is not None:
        predicted = clipped(first + per_star * outcome.predicted.astype(np.float64), fitting.dataset)
        outcome = replace(outcome, rating=ratings.rating[outcome.rows], predicted=predicted)
        parts = replace(parts, rating_outcome=outcome)
    if parts.rating_head is not None:
        parts = replace(parts, rating_head=parts.rating_head.rescaled(per_star, first))
    return Fitted(fitted.results | {"history": tuple(map(told.record, fitted.results["history"]))}, parts)


def versions(config: RunConfig) -> dict[str, str]:
    """Of movierec and of the packages that decide a run's numbers."""
    packages = fitting_spec(config.family).packages
    known = {"movierec": __version__}
    known |= {package: importlib.metadata.version(package) for package in packages}
    return known | {origin.package: origin.version for origin in config.origins}
