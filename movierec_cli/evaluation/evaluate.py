"""From a fitted model and the test ratings to an outcome."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import Earlier, RaggedRows, Stretches, movies_of_users
from movierec_cli.data.split import Split
from movierec_cli.evaluation.best_lists import best_of_rows
from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from movierec_cli.evaluation.queries import GroupedQueries, Scorer, Targets
from movierec_cli.evaluation.ranks import Ranks, RanksByMode, block_queries, map_blocks, rank_and_list
from movierec_cli.evaluation.same_scores import rank_alike
from movierec_cli.evaluation.successive_ranks import rank_successive

Rows = npt.NDArray[np.int64]


Seen = RaggedRows | Earlier
"""What is masked in the mode "unseen": each user's training movies, or what they rated before a rating."""


def seen_in(dataset: Dataset, rows: Rows, split: Split) -> Seen:
    """What is masked where a model that was trained on some ratings is asked for others of the split."""
    return Earlier.of(dataset) if split.is_successive else movies_of_users(dataset, rows)


def rank_ratings(dataset: Dataset, rows: Rows, model: Scorer, seen: Seen) -> RanksByMode:
    """Ranks each rating's movie for its user at its time.

    Args:
        dataset: the data set.
        rows: the ratings to rank, in any order; the ranks come in the same order.
        model: a fitted model.
        seen: what is masked.
    """
    ratings = dataset.ratings
    queries = model.group_queries(Targets.of_rows(ratings, rows))
    if isinstance(seen, Earlier):
        before = seen.lists(ratings, rows)
        return rank_successive(queries, ratings.movie_index[rows], before, len(dataset.movies))
    return _rank(queries, ratings.movie_index[rows], seen, len(dataset.movies))[0]


def _rank(
    queries: GroupedQueries,
    movies: npt.NDArray[np.int32],
    seen: RaggedRows,
    n_movies: int,
    length: int = 0,
) -> tuple[RanksByMode, npt.NDArray[np.int32]]:
    """Ranks in the order of the targets, and each query's best unseen movies, [n_queries, length]."""
    query_of, users = queries.query_of, queries.user_index
    positives, order = RaggedRows.group_with_order(query_of, movies, len(users))
    if queries.same_scores is not None:
        grouped, lists = rank_alike(queries.same_scores, positives, users, seen, length)
    else:
        grouped, lists = rank_and_list(queries.score_block, positives, users, seen, n_movies, length)
    place = np.empty(len(query_of), np.int64)
    place[order] = np.arange(len(query_of))
    return grouped.take(place), lists


def evaluate(
    dataset: Dataset, fit_rows: Rows, test_rows: Rows, model: Scorer, *, is_successive: bool = False
) -> Outcome:
    """What the model does with the test ratings.

    Args:
        dataset: the data set.
        fit_rows: the ratings the model was trained on.
        test_rows: the ratings to be found, ascending.
        model: fitted on `fit_rows`.
        is_successive: whether each is asked for after all that its user rated before it.

    Raises:
        ValueError: a test rating's user has the same movie among the training ratings; it is noticed where
            no unseen movie scores the same.
    """
    found = _successive if is_successive else _together
    return found(dataset, movies_of_users(dataset, fit_rows), test_rows, model)


def _successive(dataset: Dataset, known: RaggedRows, test_rows: Rows, model: Scorer) -> Outcome:
    """Where each test rating is asked for after what came before it; lists are those before the first."""
    ratings, n_movies = dataset.ratings, len(dataset.movies)
    earlier, targets = Earlier.of(dataset), Targets.of_rows(ratings, test_rows)
    movies = ratings.movie_index[test_rows]
    before = earlier.lists(ratings, test_rows)
    ranks = rank_successive(model.group_queries(targets), movies, before, n_movies)
    places = _first_of_users(targets)
    first = targets.take(places)  # [n_users]
    at_first = before.take(places)
    queries = model.group_queries(first)
    return Outcome(
        rows=test_rows,
        user_index=targets.user_index,
        movie_index=movies,
        at_their_time=ranks,
        at_one_time=None,
        users=first.user_index,
        n_unseen=(n_movies - known.lengths[first.user_index]).astype(np.int32),
        top_movies=_best_unseen(queries, at_first, n_movies),
        n_movies=n_movies,
        n_unseen_then=(n_movies - before.lengths).astype(np.int32),
    )


def _best_unseen(queries: GroupedQueries, seen: Stretches, n_movies: int) -> npt.NDArray[np.int32]:
    """The best movies of each target but those that are seen: [n_targets, LIST_LENGTH]."""

    def best(places: Rows) -> npt.NDArray[np.int32]:
        scores = np.array(queries.score_block(queries.query_of[places]))
        owner, place = seen.take(places).places()
        scores[owner, seen.values[place]] = -np.inf
        return best_of_rows(scores, LIST_LENGTH)

    return np.concatenate(map_blocks(best, len(queries.query_of), block_queries(n_movies)))


def _together(dataset: Dataset, seen: RaggedRows, test_rows: Rows, model: Scorer) -> Outcome:
    """Where all test ratings of a user are to be found after training."""
    targets, movies = Targets.of_rows(dataset.ratings, test_rows), dataset.ratings.movie_index[test_rows]
    n_movies = len(dataset.movies)
    at_own_time = model.group_queries(targets)
    first = targets.take(_first_of_users(targets))  # [n_users]
    users = first.user_index
    place = np.searchsorted(users, targets.user_index)  # [n_targets]
    if len(at_own_time.user_index) > len(users):
        at_their_time, _ = _rank(at_own_time, movies, seen, n_movies)
        once = model.group_queries(first)
        question_of_user = once.query_of
        at_once = replace(once, query_of=question_of_user[place])
        ranks, lists = _rank(at_once, movies, seen, n_movies, LIST_LENGTH)
        at_one_time: Ranks | None = ranks.unseen
    else:  # each user has one query, so both kinds of query are one
        at_their_time, lists = _rank(at_own_time, movies, seen, n_movies, LIST_LENGTH)
        at_one_time = None
        question_of_user = np.empty(len(users), np.int64)
        question_of_user[place] = at_own_time.query_of
    return Outcome(
        rows=test_rows,
        user_index=targets.user_index,
        movie_index=movies,
        at_their_time=at_their_time,
        at_one_time=at_one_time,
        users=users,
        n_unseen=(n_movies - seen.lengths[users]).astype(np.int32),
        top_movies=lists[question_of_user],
        n_movies=n_movies,
    )


def _first_of_users(targets: Targets) -> npt.NDArray[np.int64]:
    """Where the first rating of each user stands, by time and then by row; users ascending."""
    users, user_of = np.unique(targets.user_index, return_inverse=True)
    first_s = np.full(len(users), np.iinfo(np.int64).max)
    np.minimum.at(first_s, user_of, targets.seconds)
    is_first = np.flatnonzero(targets.seconds == first_s[user_of])  # ascending, as rows are
    chosen: npt.NDArray[np.int64] = is_first[np.unique(user_of[is_first], return_index=True)[1]]
    return chosen
