"""Somebody folded in against somebody trained: strangers to one model who are users of another."""

import sys
import time
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
from movierec_cli.evaluation.metrics import VALIDATION_K, top_k
from movierec_cli.evaluation.ranks import rank_positives
from movierec_cli.models.tensorflow_start import start_tensorflow
from movierec_cli.models.trained import Fitting, SilentObserver
from movierec_cli.recommend.fold_in import PRIOR_STRENGTH, Opinions, fold_in
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunArtifacts
from tests.bench.baselines import divided
from tests.bench.rows import Archives, Row

ARCHIVE = "ml-1m.zip"
FEATURE_SETS = ("None", "movie_title_text movie_genres")
STRANGERS = 0.1  # of the users
SEED = 0
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
FEW = 5  # films that a stranger may name
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
class Strangers:
    """Users whom the second model never saw; half choose the settings, half give the figure."""

    dataset: Dataset
    split: Split
    users: Users

    @cached_property
    def seen(self) -> RaggedRows:
        """Everybody's training films."""
        return movies_of_users(self.dataset, self.split.fit)

    @cached_property
    def evaluated(self) -> Users:
        """Those who have films in training and in test, in an order by lot."""
        has_both = (self.seen.lengths > 0) & (self._test.lengths > 0)
        return np.random.default_rng(SEED).permutation(self.users[has_both[self.users]])

    @property
    def validation(self) -> Users:
        return self.evaluated[::2]

    @property
    def test(self) -> Users:
        return self.evaluated[1::2]

    def without(self) -> Split:
        """The split without them."""
        is_stranger = np.isin(self.dataset.ratings.user_index, self.users)
        parts = (self.split.train, self.split.validation, self.split.test)
        return Split(*(part[~is_stranger[part]] for part in parts))

    def recall(self, users: Users, queries: Embeddings, movies: Embeddings, k: int = VALIDATION_K) -> float:
        """Recall@k of their test films among those they have not seen, the mean over users.

        Args:
            users: some of them, [n].
            queries: theirs, [n, dim].
            movies: [n_movies, dim].
        """
        _, places = self._test.places(users)
        lengths = self._test.lengths[users]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        positives = RaggedRows(starts, self._test.values[places])
        owners = users.astype(np.int32)
        ranks = rank_positives(lambda rows: queries[rows] @ movies.T, positives, owners, self.seen)
        return top_k(ranks, np.repeat(owners, lengths), (k,)).recall[k]

    @cached_property
    def _test(self) -> RaggedRows:
        return movies_of_users(self.dataset, self.split.test)


def strangers_of(dataset: Dataset, split: Split) -> Strangers:
    """A tenth of the users, by lot."""
    order = np.random.default_rng(SEED).permutation(len(dataset.users))
    return Strangers(dataset, split, np.sort(order[: round(len(order) * STRANGERS)]))


@dataclass(frozen=True)
class FoldedIn:
    """The strangers in a model that never saw them."""

    strangers: Strangers
    movies: Embeddings
    others: Embeddings  # of the users that it was trained on

    def recall(self, users: Users, strength: float = PRIOR_STRENGTH, n_films: int | None = None) -> float:
        """By all of their training films, or by a few of them that are drawn by lot."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):  # these matrices are too small to share
            queries = np.stack([self.embedding(user, strength, n_films) for user in users])
        return self.strangers.recall(users, queries, self.movies)

    def embedding(self, user: int, strength: float, n_films: int | None) -> Embeddings:
        """One of them, by all films for None."""
        films = self.strangers.seen[user].astype(np.int64)
        shuffled = np.random.default_rng([SEED, user]).permutation(films)
        return fold_in(self.movies, self.others, Opinions(shuffled[:n_films]), prior_strength=strength)


def measure_fold_in(archives: Archives, archive: str = ARCHIVE) -> Iterator[Row]:
    """For each feature set: recall folded in beside recall trained, how the prior does, and a short list."""
    name = archive.removesuffix(".zip").removeprefix("ml-")
    dataset, split = divided(DataConfig(archive=archives.find(archive)), SplitConfig())
    strangers = strangers_of(dataset, split)
    for features in FEATURE_SETS:
        trained = _train(dataset, split, features)
        other = _train(dataset, strangers.without(), features)
        known = np.setdiff1d(np.arange(len(dataset.users)), strangers.users)
        folded = FoldedIn(strangers, other.movie_embeddings, other.user_embeddings[known])
        what = f"{name}, {features}"
        yield _recall(what, strangers, trained, folded)
        yield _strength(f"{what}: prior's strength, all films", folded, None)
        yield _strength(f"{what}: prior's strength, {FEW} films", folded, FEW)
        yield _liked_children(what, dataset.movies, trained)


def _train(dataset: Dataset, split: Split, features: str) -> RunArtifacts:
    start_tensorflow()
    from movierec_cli.models.two_tower.tower_training import fit_run

    print(f"{features}: {len(split.fit):,} ratings", file=sys.stderr, flush=True)
    common = default_settings(Family.TWO_TOWER)
    config = RunConfig(
        family=Family.TWO_TOWER,
        feature_set=FeatureSet.parse(features.split()),
        split=SplitConfig(),
        model=common.model,
        training=common.training,
    )
    return fit_run(Fitting(dataset, split, config, SilentObserver(), Path())).parts.artifacts


def _recall(what: str, strangers: Strangers, trained: RunArtifacts, folded: FoldedIn) -> Row:
    users = strangers.test
    as_user = strangers.recall(users, trained.user_embeddings[users], trained.movie_embeddings)
    started = time.perf_counter()
    as_stranger = folded.recall(users)
    each_ms = (time.perf_counter() - started) / len(users) * 1000
    return Row(
        f"{what}: recall@{VALIDATION_K} of {len(users)} strangers, folded in",
        f"{as_stranger:.4f}, {as_stranger / as_user:.3f} of the reference; {each_ms:.0f} ms each",
        "≥ .90 of the reference",
        f"{as_user:.4f}, trained with their ratings",
    )


def _strength(what: str, folded: FoldedIn, n_films: int | None) -> Row:
    users = folded.strangers.validation
    recalls = {strength: folded.recall(users, strength, n_films) for strength in STRENGTHS}
    figures = ", ".join(f"{strength:g}: {recall:.4f}" for strength, recall in recalls.items())
    return Row(
        f"{what}: recall@{VALIDATION_K} of {len(users)} other new users",
        figures,
        f"{PRIOR_STRENGTH:g} is best",
    )


def _liked_children(what: str, movies: Movies, trained: RunArtifacts) -> Row:
    """What the model of all users recommends to somebody who liked five animated films for children."""
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
    """Rows of the films that come first for somebody who likes some, without these."""
    search = MovieSearch(movies)
    rows = np.array([search.find(title) for title in liked], np.int64)
    scores = movie_embeddings @ fold_in(movie_embeddings, user_embeddings, Opinions(rows))
    scores[rows] = -np.inf
    return np.argsort(-scores, kind="stable")[:top]


def is_for_children(movies: Movies) -> npt.NDArray[np.bool_]:
    """[n_movies]."""
    columns = [place for place, name in enumerate(movies.genre_names) if name in CHILDRENS_GENRES]
    return np.asarray(movies.genres[:, columns].any(axis=1))
