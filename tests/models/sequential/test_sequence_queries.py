"""What is read before an answer, against plain Python: a model that only shows its rows stands in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from movierec_cli.config import NO_FEATURES, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.queries import Targets
from movierec_cli.models.sequential.packed_batches import Histories
from movierec_cli.models.sequential.sequence_queries import FittedSequences, Reader
from movierec_cli.scoring.sequence_network import gap_buckets
from tests.models.baseline_data import dataset_of

N_USERS, N_MOVIES, MAX_LENGTH = 12, 40, 50
QUERY_TIME = FeatureSet.parse(["query_time"])


class _Sizes:
    max_length = MAX_LENGTH
    embedding_size = 3 * MAX_LENGTH


class ShowingModel:
    """A state is the row up to it: movies (from 1; 0 where none is), positions and times to the next."""

    config = _Sizes()
    micro_batch_tokens = 2 * MAX_LENGTH

    def tables(self, weights: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros((N_MOVIES, 1)), jnp.ones((N_MOVIES, _Sizes.embedding_size))

    def states(self, weights: list[jax.Array], history: jax.Array, row: dict[str, jax.Array]) -> jax.Array:
        is_film = row["segment"] > 0
        shorter = MAX_LENGTH - is_film.shape[1]
        shown = [row["movie"] + 1, row["position"] + shorter + 1, row["gap_to_next"]]
        parts = [jnp.pad(jnp.where(is_film, one, 0), ((0, 0), (shorter, 0))) for one in shown]
        state = jnp.concatenate(parts, axis=1).astype(jnp.float32)[:, None]
        return jnp.broadcast_to(state, (len(state), is_film.shape[1], state.shape[2]))


def dataset() -> Dataset:
    """Users of very different lengths, with many ratings at the same second, the last without any."""
    generator = np.random.default_rng(6)
    lengths = np.array([70, 3, 45, 4, 60, 5, 8, 9, 30, 41, 2, 0])
    user = generator.permutation(np.repeat(np.arange(N_USERS), lengths))
    seconds = generator.integers(0, 15, len(user)) * 4000
    return dataset_of(user, generator.integers(0, N_MOVIES, len(user)), seconds, N_USERS, N_MOVIES)


DATASET = dataset()
RATINGS = DATASET.ratings


def all_before(row: int, known: np.ndarray) -> list[int]:
    """The user's known ratings before this one by time, then by place in the file."""
    own = known[RATINGS.user_index[known] == RATINGS.user_index[row]]
    earlier = sorted((int(RATINGS.timestamp[one]), int(one)) for one in own)
    return [one for second, one in earlier if (second, one) < (int(RATINGS.timestamp[row]), row)]


def before(row: int, known: np.ndarray) -> list[int]:
    """Those of them that count, the newest."""
    return all_before(row, known)[-MAX_LENGTH:]


@pytest.fixture(scope="module")
def split():
    return split_ratings(RATINGS, SplitConfig(kind=SplitKind.LEAVE_LAST))


def reader_of(known: np.ndarray, features: FeatureSet = NO_FEATURES) -> Reader:
    return Reader(ShowingModel(), Histories.of(DATASET, known), features)


def shown(reader: Reader, rows: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """What stands before each of some ratings: [n, movies and positions and times, MAX_LENGTH]."""
    targets = Targets.of_rows(RATINGS, rows)
    if seconds is not None:
        targets = Targets(targets.rows, targets.user_index, seconds)
    queries, query_of = reader.queries_of(DATASET, targets)
    states, _ = reader.states([], queries)
    return states[query_of].reshape(len(rows), 3, MAX_LENGTH).astype(int)


def check(found: np.ndarray, rows: np.ndarray, known: np.ndarray) -> None:
    for row, (movies, tokens, _) in zip(rows.tolist(), found, strict=True):
        expected = [int(RATINGS.movie_index[one]) + 1 for one in before(row, known)]
        assert movies.tolist() == [0] * (MAX_LENGTH - len(expected)) + expected
        places = range(MAX_LENGTH - len(expected) + 1, MAX_LENGTH + 1)
        assert tokens[MAX_LENGTH - len(expected) :].tolist() == list(places)


def test_a_validation_rating_is_asked_after_train_and_a_test_rating_after_both(split):
    for rows, known in ((split.validation, split.train), (split.test, split.fit)):
        found = shown(reader_of(known), rows)
        check(found, rows, known)
    assert (found[:, 0] > 0).sum(axis=1).max() == MAX_LENGTH  # some histories are longer


def test_ratings_of_one_second_stand_in_the_order_of_the_file(split):
    known = split.train
    rows = np.arange(len(RATINGS))  # of every rating, known ones too, with many of its second
    assert len(np.unique(np.stack([RATINGS.user_index, RATINGS.timestamp]), axis=1).T) < 0.6 * len(rows)
    check(shown(reader_of(known), rows), rows, known)


def test_windows_read_whatever_stands_before():
    everything = np.arange(len(RATINGS))
    split = split_ratings(RATINGS, SplitConfig(kind=SplitKind.WINDOWS))
    check(shown(reader_of(everything), split.test), split.test, everything)
    read = {one for row in split.test.tolist() for one in before(row, everything)}
    assert read & set(split.test.tolist())


def test_the_order_of_asking_does_not_matter_and_equal_questions_are_asked_once(split):
    reader = reader_of(split.train)
    rows = np.random.default_rng(1).permutation(len(RATINGS))
    check(shown(reader, rows), rows, split.train)
    queries, _ = reader.queries_of(DATASET, Targets.of_rows(RATINGS, rows))
    lengths = {(int(RATINGS.user_index[row]), len(all_before(row, split.train))) for row in rows.tolist()}
    assert len(queries.end) == len(lengths)


@pytest.mark.parametrize("query_gap", [0, 10, 86_400 * 30])
def test_the_query_s_time_is_seen_where_that_is_a_feature(split, query_gap):
    rows = split.test
    newest = np.array([RATINGS.timestamp[before(row, split.fit)[-1]] for row in rows.tolist()])
    found = shown(reader_of(split.fit, QUERY_TIME), rows, newest + query_gap)
    assert set(found[:, 2, -1].tolist()) == set(gap_buckets(np.array([query_gap])).tolist())
    without = shown(reader_of(split.fit), rows, newest + query_gap)
    assert not without[:, 2, -1].any()
    np.testing.assert_array_equal(found[:, :2], without[:, :2])
    np.testing.assert_array_equal(found[:, 2, :-1], without[:, 2, :-1])


def test_users_of_whom_nothing_is_known_have_empty_rows(split):
    rows = np.flatnonzero(RATINGS.user_index == 2)
    known = np.flatnonzero(RATINGS.user_index != 2)
    for features in (NO_FEATURES, QUERY_TIME):
        assert not shown(reader_of(known, features), rows).any()
        assert not shown(reader_of(known[:0], features), rows).any()


def test_the_last_state_follows_all_that_is_known(split):
    fitted = FittedSequences(DATASET, reader_of(split.fit, QUERY_TIME), [])
    states, movies = fitted.last
    assert movies.shape == (N_MOVIES, 3 * MAX_LENGTH)
    for user, state in enumerate(states.astype(int)):
        own = [int(row) for row in split.fit if RATINGS.user_index[row] == user]
        ordered = sorted(own, key=lambda row: (int(RATINGS.timestamp[row]), row))[-MAX_LENGTH:]
        expected = [int(RATINGS.movie_index[row]) + 1 for row in ordered]
        assert state[:MAX_LENGTH].tolist() == [0] * (MAX_LENGTH - len(expected)) + expected
        assert state[-1] == (gap_buckets(np.zeros(1, np.int64))[0] if own else 0)


def test_scores_are_states_times_films(split):
    questions = FittedSequences(DATASET, reader_of(split.fit), []).group_queries(
        Targets.of_rows(RATINGS, split.test)
    )
    found = shown(reader_of(split.fit), split.test)
    scores = questions.score_block(questions.query_of)
    np.testing.assert_allclose(scores, np.tile(found.sum(axis=(1, 2))[:, None], N_MOVIES))
    np.testing.assert_array_equal(questions.user_index[questions.query_of], RATINGS.user_index[split.test])
