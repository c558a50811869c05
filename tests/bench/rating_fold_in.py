"""A new person's stars: folded in, by item means and an offset, and trained with their ratings."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, Family, FeatureSet, SplitConfig, TaskWeights, default_settings
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.rating.evidence import SHRINKAGE
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitting
from movierec_cli.recommend.new_user_stars import movie_biases, new_ratings
from movierec_cli.registry.record import RunConfig
from movierec_cli.scoring.rating_fold_in import fold_in_rating
from movierec_cli.scoring.rating_head import RatingHead
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Row

ARCHIVES = ("ml-100k.zip", "ml-1m.zip")
NEW_USERS = 0.1  # of the users
GIVEN = (5, 10, 20)  # ratings that are folded in; the others are predicted
SEED = 0
NOISE = 0.85
"""Squared stars: about what validation measures of these models, as a run knows it of itself."""

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Strangers:
    """Users of whom a model is trained without a single rating."""

    dataset: Dataset
    split: Split
    users: Rows

    @cached_property
    def is_theirs(self) -> npt.NDArray[np.bool_]:
        """Of each rating."""
        return np.isin(self.dataset.ratings.user_index, self.users)

    @cached_property
    def place(self) -> Rows:
        """Of each rating in its user's random order, from 0."""
        owners = self.dataset.ratings.user_index
        order = np.random.default_rng(SEED).permutation(len(owners))
        by_owner = order[np.argsort(owners[order], kind="stable")]
        counts = np.bincount(owners)
        place = np.empty(len(owners), np.int64)
        place[by_owner] = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return place

    def trained(self, n_given: int = 0) -> RatingHead:
        """A head that learned from the others, and from so many ratings of each of these."""
        parts = [part[~self.is_theirs[part]] for part in self._parts]
        given = np.flatnonzero(self.is_theirs & (self.place < n_given))
        split = Split(np.sort(np.concatenate([parts[0], given])), *parts[1:])
        head = _train(self.dataset, split)
        print(f"{self.dataset.name}: trained with {n_given} ratings of each", file=sys.stderr, flush=True)
        return head

    @property
    def _parts(self) -> tuple[Rows, Rows, Rows]:
        return self.split.train, self.split.validation, self.split.test

    def of(self, user: int, n_given: int) -> tuple[Rows, Rows]:
        """A user's ratings that are given, and the others."""
        mine = np.flatnonzero(self.dataset.ratings.user_index == user)
        return mine[self.place[mine] < n_given], mine[self.place[mine] >= n_given]


def measure_rating_fold_in(bench: Bench) -> Iterator[Row]:
    """RMSE of the ratings that were not given, by how many were."""
    for archive in ARCHIVES:
        dataset, split = divided(DataConfig(archive=bench.find(archive)), SplitConfig())
        order = np.random.default_rng(SEED).permutation(len(dataset.users))
        strangers = Strangers(dataset, split, np.sort(order[: round(len(order) * NEW_USERS)]))
        head = strangers.trained()
        for n_given in GIVEN:
            yield _row(strangers, head, n_given)


def _row(strangers: Strangers, head: RatingHead, n_given: int) -> Row:
    dataset = strangers.dataset
    ratings = dataset.ratings
    others = np.concatenate([strangers.split.train, strangers.split.validation])
    others = others[~strangers.is_theirs[others]]
    biases = movie_biases(ratings.movie_index[others], ratings.rating[others], head.mean, len(dataset.movies))
    prior = _of_users(head, np.unique(ratings.user_index[others]))
    with_theirs = strangers.trained(n_given)
    errors: dict[str, list[Floats]] = {"folded": [], "offset": [], "trained": []}
    for user in strangers.users.tolist():
        given, rest = strangers.of(user, n_given)
        movies, stars = ratings.movie_index[given].astype(np.int64), ratings.rating[given].astype(np.float64)
        wanted, truth = ratings.movie_index[rest].astype(np.int64), ratings.rating[rest].astype(np.float64)
        person = fold_in_rating(prior, new_ratings(prior, biases, movies, stars), noise=NOISE)
        offset = (stars - head.mean - biases[movies]).sum() / (len(given) + SHRINKAGE)
        guessed = np.clip(head.mean + biases[wanted] + offset, head.lowest, head.highest)
        errors["folded"].append(person.stars(np.zeros(len(rest), int), wanted) - truth)
        errors["offset"].append(guessed - truth)
        errors["trained"].append(with_theirs.stars(np.full(len(rest), user), wanted) - truth)
    folded, by_offset, trained = (float(np.sqrt((np.concatenate(e) ** 2).mean())) for e in errors.values())
    return Row(
        f"{dataset.name}: RMSE of {len(strangers.users)} new users' other ratings, {n_given} folded in",
        f"{folded:.4f} stars",
        "below the reference's first",
        f"{by_offset:.4f}, item means and offset; {trained:.4f}, trained with their {n_given}",
    )


def _of_users(head: RatingHead, users: Rows) -> RatingHead:
    """The head with the users that it was trained on alone."""
    return replace(
        head,
        user_vectors=head.user_vectors[users],
        user_bias=head.user_bias[users],
        user_numbers=head.user_numbers[users],
        user_tastes=None if head.user_tastes is None else head.user_tastes[users],
    )


def _train(dataset: Dataset, split: Split) -> RatingHead:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import fit_run

    common = default_settings(Family.TWO_TOWER, rates=True)
    config = RunConfig(
        family=common.family,
        split=SplitConfig(),
        feature_set=FeatureSet.parse(["None"]),
        model=common.model,
        training=common.training,
        tasks=TaskWeights(),
    )
    head = fit_run(Fitting(dataset, split, config, TrainingObserver(), Path())).parts.rating_head
    assert head is not None
    return head
