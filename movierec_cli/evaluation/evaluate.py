"""From a fitted model and the test ratings to an outcome."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.evaluation.outcome import LIST_LENGTH, NO_MOVIE, Outcome
from movierec_cli.evaluation.queries import GroupedQueries, Scorer, Targets
from movierec_cli.evaluation.ranks import BLOCK_QUERIES, RanksByMode, map_blocks, rank_positives

Rows = npt.NDArray[np.int64]


def rank_ratings(dataset: Dataset, rows: Rows, model: Scorer, seen: RaggedRows) -> RanksByMode:
    """Ranks each rating's movie for its user at its time.

    Args:
        dataset: the data set.
        rows: the ratings to rank, in any order; the ranks come in the same order.
        model: a fitted model.
        seen: each user's training movies, masked in the mode "unseen".
    """
    ratings = dataset.ratings
    return _rank(model.group_queries(Targets.of_rows(ratings, rows)), ratings.movie_index[rows], seen)


def _rank(queries: GroupedQueries, movies: npt.NDArray[np.int32], seen: RaggedRows) -> RanksByMode:
    """Ranks in the order of the targets."""
    query_of = queries.query_of
    positives, order = RaggedRows.group_with_order(query_of, movies, len(queries.user_index))
    grouped = rank_positives(queries.score_block, positives, queries.user_index, seen)
    place = np.empty(len(query_of), np.int64)
    place[order] = np.arange(len(query_of))
    return grouped.take(place)


def evaluate(dataset: Dataset, fit_rows: Rows, test_rows: Rows, model: Scorer) -> Outcome:
    """What the model does with the test ratings.

    Args:
        dataset: the data set.
        fit_rows: the ratings the model was trained on.
        test_rows: the ratings to be found, ascending.
        model: fitted on `fit_rows`.

    Raises:
        ValueError: a test rating's user has the same movie among the training ratings; it is noticed where
            no unseen movie scores the same.
    """
    seen = movies_of_users(dataset, fit_rows)
    targets, movies = Targets.of_rows(dataset.ratings, test_rows), dataset.ratings.movie_index[test_rows]
    at_own_time = model.group_queries(targets)
    at_their_time = _rank(at_own_time, movies, seen)
    first = targets.take(_first_of_users(targets))  # [n_users]
    users = first.user_index
    place = np.searchsorted(users, targets.user_index)  # [n_targets]
    if len(at_own_time.user_index) > len(users):
        once = model.group_queries(first)
        question_of_user = once.query_of
        in_one_list = _rank(replace(once, query_of=question_of_user[place]), movies, seen).unseen
    else:  # each user has one query, so both kinds of query are one
        once, in_one_list = at_own_time, at_their_time.unseen
        question_of_user = np.empty(len(users), np.int64)
        question_of_user[place] = at_own_time.query_of
    return Outcome(
        rows=test_rows,
        user_index=targets.user_index,
        movie_index=movies,
        at_their_time=at_their_time,
        in_one_list=in_one_list,
        users=users,
        n_unseen=(len(dataset.movies) - seen.lengths[users]).astype(np.int32),
        top_movies=best_unseen(once, seen, LIST_LENGTH)[question_of_user],
        n_movies=len(dataset.movies),
    )


def _first_of_users(targets: Targets) -> npt.NDArray[np.int64]:
    """Where the first rating of each user stands, by time and then by row; users ascending."""
    users, user_of = np.unique(targets.user_index, return_inverse=True)
    first_s = np.full(len(users), np.iinfo(np.int64).max)
    np.minimum.at(first_s, user_of, targets.seconds)
    is_first = np.flatnonzero(targets.seconds == first_s[user_of])  # ascending, as rows are
    chosen: npt.NDArray[np.int64] = is_first[np.unique(user_of[is_first], return_index=True)[1]]
    return chosen


def best_unseen(queries: GroupedQueries, seen: RaggedRows, length: int) -> npt.NDArray[np.int32]:
    """The best unseen movies of each query, best first, [n_queries, length].

    Equal scores are in catalogue order. Where fewer movies are unseen, NO_MOVIE fills up.
    """

    def best(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        scores = np.array(queries.score_block(rows))  # [b, n_movies], its own to mask
        masked_row, place = seen.places(queries.user_index[rows])
        scores[masked_row, seen.values[place]] = -np.inf
        return best_of_rows(scores, length)

    return np.concatenate(map_blocks(best, len(queries.user_index), BLOCK_QUERIES))


def best_of_rows(scores: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.int32]:
    """The highest scores of each row, best first: [n_rows, length].

    Equal scores are in catalogue order. NO_MOVIE fills up where fewer are above minus infinity.

    Args:
        scores: [n_rows, n_movies].
        length: how many.
    """
    n_movies = scores.shape[1]
    lists = np.full((len(scores), length), NO_MOVIE, np.int32)
    taken = min(length, n_movies)
    # A tie across the border of the best is settled by the catalogue's order, which partitioning forgets.
    border = np.partition(scores, n_movies - taken, axis=1)[:, n_movies - taken, None]  # [b, 1]
    for row in range(len(scores)):
        above = np.flatnonzero(scores[row] > border[row])
        tied = np.flatnonzero(scores[row] == border[row])[: taken - len(above)]
        chosen = np.concatenate([above, tied])
        chosen = chosen[np.lexsort((chosen, -scores[row, chosen]))]
        chosen = chosen[scores[row, chosen] > -np.inf]
        lists[row, : len(chosen)] = chosen
    return lists
