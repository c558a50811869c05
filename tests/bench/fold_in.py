"""Somebody folded in against somebody trained: new users of one model who are users of another."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, Family, FeatureSet, SplitConfig, default_settings
from movierec_cli.data.dataset import Dataset, Movies
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.evaluation.evaluate import rank_ratings
from movierec_cli.evaluation.metrics import VALIDATION_K, top_k
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitting
from movierec_cli.recommend.fold_in import Opinions, fold_in
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunArtifacts
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Row, seconds_of
from tests.saved_runs import EmbeddingModel

FEATURE_SETS = ("None", "movie_title_text movie_genres")
NEW_USERS = 0.1  # of the users
SEED = 0
LIKED = (
    "Toy Story (1995)",
    "Aladdin (1992)",
    "Lion King, The (1994)",
    "Beauty and the Beast (1991)",
    "Pinocchio (1940)",
)
CHILDRENS_GENRES = ("Animation", "Children")

Users = npt.NDArray[np.int64]
Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NewUsers:
    """Users whom the second model never saw."""

    dataset: Dataset
    split: Split
    users: Users

    @cached_property
    def seen(self) -> RaggedRows:
        """Everybody's training movies."""
        return movies_of_users(self.dataset, self.split.fit)

    @cached_property
    def evaluated(self) -> Users:
        """Those who have movies in training and in test, in a random order."""
        has_both = (self.seen.lengths > 0) & (self._test.lengths > 0)
        return np.random.default_rng(SEED).permutation(self.users[has_both[self.users]])

    @property
    def test(self) -> Users:
        """Half of them: the others have chosen the prior's strength."""
        return self.evaluated[1::2]

    def without(self) -> Split:
        """The split without them."""
        is_new = np.isin(self.dataset.ratings.user_index, self.users)
        parts = (self.split.train, self.split.validation, self.split.test)
        return Split(*(part[~is_new[part]] for part in parts))

    def recall(self, users: Users, queries: Embeddings, movies: Embeddings, k: int = VALIDATION_K) -> float:
        """Recall@k of their test movies among those they have not seen, the mean over users.

        Args:
            users: some of them, [n].
            queries: theirs, [n, dim].
            movies: [n_movies, dim].
        """
        ratings = self.dataset.ratings
        of_users = np.zeros((len(self.dataset.users), queries.shape[1]), np.float32)
        of_users[users] = queries
        rows = self.split.test[np.isin(ratings.user_index[self.split.test], users)]
        ranks = rank_ratings(self.dataset, rows, EmbeddingModel(of_users, movies), self.seen)
        return top_k(ranks, ratings.user_index[rows], (k,)).recall[k]

    @cached_property
    def _test(self) -> RaggedRows:
        return movies_of_users(self.dataset, self.split.test)


@dataclass(frozen=True)
class FoldedIn:
    """The new users in a model that never saw them."""

    new_users: NewUsers
    movies: Embeddings
    others: Embeddings  # of the users that it was trained on

    def recall(self, users: Users) -> float:
        """By all of their training movies."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):  # these matrices are too small to share
            liked = (Opinions(self.new_users.seen[user].astype(np.int64)) for user in users)
            queries = np.stack([fold_in(self.movies, self.others, own) for own in liked])
        return self.new_users.recall(users, queries, self.movies)


def measure_fold_in(bench: Bench) -> Iterator[Row]:
    """For each feature set: recall folded in beside recall trained, and a short list."""
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), SplitConfig())
    order = np.random.default_rng(SEED).permutation(len(dataset.users))
    new_users = NewUsers(dataset, split, np.sort(order[: round(len(order) * NEW_USERS)]))
    for features in FEATURE_SETS:
        trained = _train(dataset, split, features)
        other = _train(dataset, new_users.without(), features)
        known = np.setdiff1d(np.arange(len(dataset.users)), new_users.users)
        folded = FoldedIn(new_users, other.movie_embeddings, other.user_embeddings[known])
        what = f"1m, {features}"
        yield _recall(what, new_users, trained, folded)
        yield _liked_children(what, dataset.movies, trained)


def _train(dataset: Dataset, split: Split, features: str) -> RunArtifacts:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import fit_run

    print(f"{features}: {len(split.fit):,} ratings", file=sys.stderr, flush=True)
    common, feature_set = default_settings(Family.TWO_TOWER), FeatureSet.parse(features.split())
    config = RunConfig(
        family=common.family,
        split=SplitConfig(),
        feature_set=feature_set,
        model=common.model,
        training=common.training,
    )
    return fit_run(Fitting(dataset, split, config, TrainingObserver(), Path())).parts.artifacts


def _recall(what: str, new_users: NewUsers, trained: RunArtifacts, folded: FoldedIn) -> Row:
    users = new_users.test
    as_user = new_users.recall(users, trained.user_embeddings[users], trained.movie_embeddings)
    as_new = folded.recall(users)
    each_ms = seconds_of(lambda: folded.recall(users))[0] / len(users) * 1000
    return Row(
        f"{what}: recall@{VALIDATION_K} of {len(users)} new users, folded in",
        f"{as_new:.4f}, {as_new / as_user:.3f} of the reference; {each_ms:.0f} ms each",
        "≥ .90 of the reference",
        f"{as_user:.4f}, trained with their ratings",
    )


def _liked_children(what: str, movies: Movies, trained: RunArtifacts) -> Row:
    """What the model of all users recommends to somebody who liked five animated movies for children."""
    best = best_for(movies, trained.movie_embeddings, trained.user_embeddings, LIKED)
    titles = ", ".join(movies.title[row].rpartition(" (")[0] for row in best)
    return Row(
        f"{what}: liked-children, of the best {len(best)}",
        f"{int(is_for_children(movies)[best].sum())} animated or for children ({titles})",
        "≥ 6 of 10",
    )


def best_for(
    movies: Movies,
    movie_embeddings: Embeddings,
    user_embeddings: Embeddings,
    liked: Sequence[str],
    top: int = 10,
) -> npt.NDArray[np.int64]:
    """Rows of the movies that come first for somebody who likes some, without these."""
    search = MovieSearch(movies)
    rows = np.array([search.find(title) for title in liked], np.int64)
    scores = movie_embeddings @ fold_in(movie_embeddings, user_embeddings, Opinions(rows))
    scores[rows] = -np.inf
    return np.argsort(-scores, kind="stable")[:top]


def is_for_children(movies: Movies) -> npt.NDArray[np.bool_]:
    """[n_movies]."""
    columns = [place for place, name in enumerate(movies.genre_names) if name in CHILDRENS_GENRES]
    return np.asarray(movies.genres[:, columns].any(axis=1))
