"""Successive targets, each asked for after what came before it, against loops over single ratings."""

from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt
import pytest

from movierec_cli.config import Family, SplitConfig, SplitKind, TargetKind
from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.data.ragged import Earlier
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings, seen_in
from movierec_cli.evaluation.metrics import metric_values, of_clusters, study_metrics, top_k_of
from movierec_cli.evaluation.outcome import LIST_LENGTH
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.evaluation.significance import mean_intervals
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from movierec_cli.storage import codec
from tests.tiny_dataset import dataset_of

SUCCESSIVE = SplitConfig(kind=SplitKind.TEMPORAL, targets=TargetKind.SUCCESSIVE, test_fraction=0.3)
N_USERS, N_MOVIES, EACH = 11, 60, 25


def made() -> Dataset:
    """Users begin at different times, two of them in the test part; many ratings of a user share a second."""
    generator = np.random.default_rng(8)
    user = np.repeat(np.arange(N_USERS), EACH)
    movie = np.concatenate([generator.permutation(N_MOVIES)[:EACH] for _ in range(N_USERS)])
    first = np.where(np.arange(N_USERS) < 2, 1000, 10 * np.arange(N_USERS))
    seconds = np.repeat(first, EACH) + generator.integers(0, 1100, len(user)) // 50 * 50
    order = generator.permutation(len(user))
    return dataset_of(user[order].tolist(), movie[order].tolist(), seconds[order].tolist(), N_USERS, N_MOVIES)


DATASET = made()
RATINGS = DATASET.ratings
SPLIT = split_ratings(RATINGS, SUCCESSIVE)


@dataclass(frozen=True)
class OfRows:
    """Scores of its own for each rating, whole numbers, so that many movies tie."""

    scores: npt.NDArray[np.float32]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        return GroupedQueries(
            targets.user_index, np.arange(len(targets)), lambda places: self.scores[targets.rows[places]]
        )


@dataclass(frozen=True)
class OfUsers:
    """The same scores whenever a user is asked."""

    scores: npt.NDArray[np.float32]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        return queries_by_user(targets.user_index, lambda users: self.scores[users])


_SCORES = np.random.default_rng(3).integers(0, 9, (len(RATINGS), N_MOVIES)).astype(np.float32)
MODELS = {"of rows": OfRows(_SCORES), "of users": OfUsers(_SCORES[:N_USERS])}
EACH_MODEL = pytest.mark.parametrize("kind", MODELS)


def scores_at(kind: str, row: int) -> npt.NDArray[np.float32]:
    return _SCORES[row if kind == "of rows" else RATINGS.user_index[row]]


def before(row: int, ratings: Ratings = RATINGS) -> list[int]:
    """The rows of the user's ratings before this one, by time and then by row."""
    own = np.flatnonzero(ratings.user_index == ratings.user_index[row]).tolist()
    moment = (int(ratings.timestamp[row]), row)
    return [one for _, one in sorted((int(ratings.timestamp[one]), one) for one in own) if (_, one) < moment]


def left(row: int) -> list[int]:
    seen = RATINGS.movie_index[before(row)].tolist()
    return [movie for movie in range(N_MOVIES) if movie not in seen]


def test_what_came_before_each_rating_is_known_whatever_part_it_is_in() -> None:
    rows = np.random.default_rng(1).permutation(len(RATINGS))
    lists = Earlier.of(DATASET).lists(RATINGS, rows)
    for place, row in enumerate(rows.tolist()):
        assert lists[place].tolist() == RATINGS.movie_index[before(row)].tolist()
    assert lists.lengths.tolist() == [len(before(row)) for row in rows.tolist()]


@EACH_MODEL
def test_each_rating_is_ranked_among_what_its_user_had_not_rated_by_then(kind: str) -> None:
    outcome = evaluate(DATASET, SPLIT.fit, SPLIT.test, MODELS[kind], is_successive=True)
    ranks = outcome.at_their_time.unseen
    for place, row in enumerate(SPLIT.test.tolist()):
        scores, own = scores_at(kind, row), int(RATINGS.movie_index[row])
        better = sum(bool(scores[movie] > scores[own]) for movie in left(row))
        tied = sum(bool(scores[movie] == scores[own]) for movie in left(row))
        assert (ranks.better[place], ranks.tied[place]) == (better, tied)
    assert outcome.at_their_time.all.better.tolist() == [
        int((scores_at(kind, row) > scores_at(kind, row)[RATINGS.movie_index[row]]).sum())
        for row in SPLIT.test.tolist()
    ]
    validated = rank_ratings(DATASET, SPLIT.test[::-1], MODELS[kind], seen_in(DATASET, SPLIT.train, SPLIT))
    assert validated.unseen.better.tolist() == ranks.better[::-1].tolist()


@EACH_MODEL
def test_metrics_are_means_over_ratings_with_something_before_them(kind: str) -> None:
    outcome = evaluate(DATASET, SPLIT.fit, SPLIT.test, MODELS[kind], is_successive=True)
    rows = [row for row in SPLIT.test.tolist() if before(row)]
    assert 0 < len(SPLIT.test) - len(rows) == 2  # the first ratings of two users
    assert outcome.warm.rows.tolist() == rows
    hits, gains = [], []
    for row in rows:
        scores, own = scores_at(kind, row), int(RATINGS.movie_index[row])
        better = sum(bool(scores[movie] > scores[own]) for movie in left(row))
        tied = sum(bool(scores[movie] == scores[own]) for movie in left(row))
        places = range(better + 1, better + tied + 1)
        hits.append(sum(place <= 10 for place in places) / tied)
        gains.append(sum(1 / log2(place + 1) for place in places if place <= 10) / tied)
    assert metric_values(outcome.warm, "recall@10").mean() == pytest.approx(np.mean(hits))
    assert metric_values(outcome.warm, "ndcg@10").mean() == pytest.approx(np.mean(gains))
    assert top_k_of(outcome).recall[10] == top_k_of(outcome).unseen[10] == pytest.approx(np.mean(hits))
    for name in study_metrics([10]):
        assert len(metric_values(outcome.warm, name)) == len(outcome.warm.users)


@EACH_MODEL
def test_lists_are_those_before_the_first_test_rating_of_each_user(kind: str) -> None:
    outcome = evaluate(DATASET, SPLIT.fit, SPLIT.test, MODELS[kind], is_successive=True)
    for user, best in zip(outcome.users.tolist(), outcome.top_movies.tolist(), strict=True):
        own = SPLIT.test[RATINGS.user_index[SPLIT.test] == user].tolist()
        first = min(own, key=lambda row: (RATINGS.timestamp[row], row))
        scores = scores_at(kind, first)
        expected = sorted(left(first), key=lambda movie: (-scores[movie], movie))[:LIST_LENGTH]
        assert best == expected + [NO_MOVIE] * (LIST_LENGTH - len(expected))


def test_an_outcome_is_kept_whole_and_a_part_has_its_own() -> None:
    outcome = evaluate(DATASET, SPLIT.fit, SPLIT.test, MODELS["of rows"], is_successive=True)
    again = codec.from_bytes(type(outcome), codec.to_bytes(outcome), "outcome.npz")
    assert again.n_unseen_then.tolist() == [len(left(row)) for row in SPLIT.test.tolist()]
    part = outcome.of_targets(outcome.rows % 2 == 0)
    assert part.n_unseen_then.tolist() == [len(left(row)) for row in part.rows.tolist()]


def test_figures_of_users_stand_for_the_mean_over_all_their_targets() -> None:
    """The interval is that of resampling whole users and dividing by how many targets they have."""
    generator = np.random.default_rng(5)
    sizes = generator.integers(1, 60, 200)
    user = np.repeat(np.arange(200), sizes)
    values = np.clip(generator.normal(0.3, 0.1, 200)[user] + generator.normal(0, 0.2, len(user)), 0, 1)
    of_users = of_clusters(values, user)
    assert of_users.mean() == pytest.approx(values.mean(), rel=1e-12)
    found = mean_intervals({"": of_users[None]}, n_resamples=4000)[""]
    sums = np.bincount(user, values)
    drawn = generator.integers(0, 200, (4000, 200))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.1 * (high - low))
    alike = np.repeat(0.25, len(user))
    assert of_clusters(alike, user) == pytest.approx(0.25)


@pytest.mark.parametrize("family", [Family.POPULARITY, Family.ITEM_KNN])
def test_baselines_choose_and_are_validated_on_ratings_asked_for_so(family: Family) -> None:
    fitted = fit_baseline(family, DATASET, SPLIT)
    together = Split(SPLIT.train, SPLIT.validation, SPLIT.test)
    assert fitted.validation is not None
    assert fitted.validation.top_k.recall == fitted.validation.top_k.unseen
    other = fit_baseline(family, DATASET, together).validation
    assert other is not None and fitted.validation.ndcg != other.ndcg
