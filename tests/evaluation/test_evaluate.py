"""From a model to an outcome, against a loop over ratings; and what a model gets that knows nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, log2

import numpy as np
import numpy.typing as npt
import pytest

from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.evaluate import evaluate, rank_ratings
from movierec_cli.evaluation.metrics import METRICS
from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.evaluation.ranks import Ranks
from tests.tiny_dataset import dataset_of

N_PERIODS, PERIOD_S = 4, 1000


@dataclass(frozen=True)
class TimeBlind:
    scores: npt.NDArray[np.float32]  # [n_users, n_movies]

    def score(self, ratings: Ratings, row: int) -> npt.NDArray[np.float32]:
        return self.scores[ratings.user_index[row]]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        return queries_by_user(targets.user_index, lambda rows: self.scores[rows])


@dataclass(frozen=True)
class TimeSeeing:
    """Questions come in descending order, so that nothing can rely on theirs being the users'."""

    scores: npt.NDArray[np.float32]  # [n_users, N_PERIODS, n_movies]

    def score(self, ratings: Ratings, row: int) -> npt.NDArray[np.float32]:
        return self.scores[ratings.user_index[row], ratings.timestamp[row] // PERIOD_S]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        pairs = list(zip(targets.user_index.tolist(), (targets.seconds // PERIOD_S).tolist(), strict=True))
        different = sorted(set(pairs), reverse=True)
        of_user = np.array([user for user, _ in different], np.int32)
        of_period = np.array([period for _, period in different])
        return GroupedQueries(
            of_user,
            np.array([different.index(pair) for pair in pairs]),
            lambda rows: self.scores[of_user[rows], of_period[rows]],
        )


@dataclass(frozen=True)
class RowSeeing:
    """Tells every rating apart, as a model of what was watched before it does."""

    ratings: Ratings
    scores: npt.NDArray[np.float32]  # [n_ratings, n_movies]

    def score(self, ratings: Ratings, row: int) -> npt.NDArray[np.float32]:
        return self.scores[row]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        assert targets.user_index.tolist() == self.ratings.user_index[targets.rows].tolist()
        assert targets.seconds.tolist() == self.ratings.timestamp[targets.rows].tolist()
        return GroupedQueries(
            targets.user_index, np.arange(len(targets)), lambda rows: self.scores[targets.rows[rows]]
        )


Model = TimeBlind | TimeSeeing | RowSeeing


@dataclass(frozen=True)
class Case:
    """Users 0 and 1 are cold, user 2 has no test rating; scores are small whole numbers, so many tie."""

    dataset: Dataset
    fit_rows: npt.NDArray[np.int64]
    test_rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]  # [n_users, N_PERIODS, n_movies]
    by_rating: npt.NDArray[np.float32]  # [n_ratings, n_movies]

    @property
    def models(self) -> dict[str, Model]:
        of_rows = RowSeeing(self.dataset.ratings, self.by_rating)
        return {"blind": TimeBlind(self.scores[:, 0]), "seeing": TimeSeeing(self.scores), "of rows": of_rows}

    def unseen(self, user: int) -> list[int]:
        ratings = self.dataset.ratings
        seen = {int(ratings.movie_index[row]) for row in self.fit_rows if ratings.user_index[row] == user}
        return [movie for movie in range(len(self.dataset.movies)) if movie not in seen]


def make_case(n_users: int, n_movies: int, each: int, n_moments: int) -> Case:
    generator = np.random.default_rng(n_movies)
    user = np.repeat(np.arange(n_users), each)
    movie = np.concatenate([generator.permutation(n_movies)[:each] for _ in range(n_users)])
    order = generator.permutation(len(user))
    user, movie = user[order], movie[order]
    is_test = (generator.random(len(user)) < 0.3) & (user != 2) | (user < 2)
    seconds = generator.integers(0, n_moments, len(user)) * (N_PERIODS * PERIOD_S // n_moments)
    dataset = dataset_of(user.tolist(), movie.tolist(), seconds.tolist(), n_users, n_movies)
    scores = generator.integers(0, 6, (n_users, N_PERIODS, n_movies)).astype(np.float32)
    by_rating = generator.random((len(user), n_movies), np.float32)
    return Case(dataset, np.flatnonzero(~is_test), np.flatnonzero(is_test), scores, by_rating)


CASES = {
    "more movies than a list holds": make_case(12, 150, 30, n_moments=4000),
    "fewer movies than a list holds, three moments": make_case(9, 25, 10, n_moments=3),
    "users who have seen nearly all, one moment": make_case(6, 12, 12, n_moments=1),
}
EVERY_MODEL = pytest.mark.parametrize("model", ["blind", "seeing", "of rows"])
EACH = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def places(scores: npt.NDArray[np.float32], movie: int, among: list[int]) -> tuple[int, int]:
    better = sum(bool(scores[other] > scores[movie]) for other in among)
    return better, sum(bool(scores[other] == scores[movie]) for other in among)


def pairs(ranks: Ranks) -> list[tuple[int, int]]:
    return list(zip(ranks.better.tolist(), ranks.tied.tolist(), strict=True))


@EVERY_MODEL
@EACH
def test_each_rating_is_ranked_at_its_own_time_in_the_order_of_the_rows(case: Case, model: str) -> None:
    asked, ratings, n_movies = case.models[model], case.dataset.ratings, len(case.dataset.movies)
    outcome = evaluate(case.dataset, case.fit_rows, case.test_rows, asked)
    everywhere, unseen = [], []
    for row in case.test_rows.tolist():
        movie, scores = int(ratings.movie_index[row]), asked.score(ratings, row)
        everywhere.append(places(scores, movie, list(range(n_movies))))
        unseen.append(places(scores, movie, case.unseen(int(ratings.user_index[row]))))
    assert pairs(outcome.at_their_time.all) == everywhere
    assert pairs(outcome.at_their_time.unseen) == unseen
    assert outcome.rows.tolist() == case.test_rows.tolist()
    assert outcome.user_index.tolist() == ratings.user_index[case.test_rows].tolist()
    assert outcome.movie_index.tolist() == ratings.movie_index[case.test_rows].tolist()


@EVERY_MODEL
@EACH
def test_each_user_has_one_list_of_their_first_test_rating_by_time_and_then_in_the_file(
    case: Case, model: str
) -> None:
    asked, ratings = case.models[model], case.dataset.ratings
    outcome = evaluate(case.dataset, case.fit_rows, case.test_rows, asked)
    first: dict[int, int] = {}
    for row in sorted(case.test_rows.tolist(), key=lambda row: (ratings.timestamp[row], row)):
        first.setdefault(int(ratings.user_index[row]), row)
    assert outcome.users.tolist() == sorted(first) and 2 not in first
    assert outcome.n_unseen.tolist() == [len(case.unseen(user)) for user in sorted(first)]
    assert outcome.users[outcome.is_cold].tolist() == [0, 1]
    for row, rank in zip(case.test_rows.tolist(), pairs(outcome.in_one_list), strict=True):
        user = int(ratings.user_index[row])
        scores = asked.score(ratings, first[user])
        assert rank == places(scores, int(ratings.movie_index[row]), case.unseen(user))
    for user, best in zip(sorted(first), outcome.top_movies.tolist(), strict=True):
        scores = asked.score(ratings, first[user])
        expected = sorted(case.unseen(user), key=lambda movie: (-scores[movie], movie))[:LIST_LENGTH]
        assert best == expected + [NO_MOVIE] * (LIST_LENGTH - len(expected))


@EVERY_MODEL
def test_ratings_are_ranked_in_whatever_order_they_are_given(model: str) -> None:
    case = CASES["more movies than a list holds"]
    seen = movies_of_users(case.dataset, case.fit_rows)
    order = np.random.default_rng(5).permutation(len(case.test_rows))
    straight = rank_ratings(case.dataset, case.test_rows, case.models[model], seen)
    mixed = rank_ratings(case.dataset, case.test_rows[order], case.models[model], seen)
    for one, other in ((straight.all, mixed.all), (straight.unseen, mixed.unseen)):
        assert pairs(one.take(order)) == pairs(other)


def test_a_test_rating_that_was_trained_on_is_refused() -> None:
    case = CASES["fewer movies than a list holds, three moments"]
    trained_on = np.sort(np.append(case.fit_rows, case.test_rows[-1]))
    shape = len(case.dataset.users), len(case.dataset.movies)
    untied = np.random.default_rng(6).permuted(
        np.tile(np.arange(shape[1], dtype=np.float32), (shape[0], 1)), axis=1
    )
    with pytest.raises(ValueError, match="1 positives are among their user's seen movies"):
        evaluate(case.dataset, trained_on, case.test_rows, TimeBlind(untied))


def test_the_model_is_asked_once_for_what_it_does_not_tell_apart() -> None:
    times = []

    @dataclass(frozen=True)
    class Counting(TimeBlind):
        def group_queries(self, targets: Targets) -> GroupedQueries:
            times.append(len(targets))
            return super().group_queries(targets)

    case = CASES["more movies than a list holds"]
    evaluate(case.dataset, case.fit_rows, case.test_rows, Counting(case.scores[:, 0]))
    assert times == [len(case.test_rows)]


# Of a list of n movies in random order with r positives: what each metric is on average.
CHANCE: dict[str, Callable[[int, int, int], float]] = {
    "recall": lambda n, r, k: min(k, n) / n,
    "ndcg": lambda n, r, k: (
        sum(r / n / log2(p + 1) for p in range(1, min(k, n) + 1))
        / sum(1 / log2(p + 1) for p in range(1, min(k, r) + 1))
    ),
    "map": lambda n, r, k: (
        sum(r / n * (1 + (p - 1) * (r - 1) / max(n - 1, 1)) / p for p in range(1, min(k, n) + 1)) / min(k, r)
    ),
    "mrr": lambda n, r, k: sum(comb(n - p, r - 1) / comb(n, r) / p for p in range(1, min(k, n) + 1)),
    "precision": lambda n, r, k: min(k, n) * r / n / k,
    "auc": lambda n, r, k: 0.5,
}


def judged_alike(case: Case) -> Outcome:
    scores = np.full((len(case.dataset.users), len(case.dataset.movies)), 0.25, np.float32)
    return evaluate(case.dataset, case.fit_rows, case.test_rows, TimeBlind(scores))


@EACH
@pytest.mark.parametrize("k", [1, 5, 10, 100])
@pytest.mark.parametrize("name", METRICS)
def test_a_model_that_scores_all_movies_alike_gets_chance(case: Case, name: str, k: int) -> None:
    outcome = judged_alike(case)
    n_positives = np.bincount(outcome.user_place)
    counts = list(zip(outcome.n_unseen.tolist(), n_positives.tolist(), strict=True))
    expected = [CHANCE[name](n, r, k) if name != "auc" or n > r else np.nan for n, r in counts]
    np.testing.assert_allclose(METRICS[name].values(outcome, k), expected, rtol=1e-9)
