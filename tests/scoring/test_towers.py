"""The towers of a model in NumPy, against a loop over layers."""

from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.scoring.towers import Tower, TowerInput, Towers

RNG = np.random.default_rng(3)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


QUERY = Tower(
    (
        TowerInput("user_id", False, floats(5, 3)),
        TowerInput("timestamp", True, floats(4, 2)),
        TowerInput("user_gender", False, floats(5, 1)),
        TowerInput("day_of_week", True, floats(7, 2)),
    ),
    ((floats(8, 6), floats(6)), (floats(6, 5), floats(5)), (floats(5, 3), floats(3))),
)
MOVIE = Tower((TowerInput("movie_id", False, floats(6, 3)),), ((floats(3, 3), floats(3)),))
BOTH = Towers(QUERY, MOVIE, np.array([[0, 6], [3, 1], [1, 0], [2, 2], [0, 0]], np.int32))


def by_hand(user: int, codes: tuple[int, int]) -> np.ndarray:
    ids, times, gender, days = (one.table for one in QUERY.inputs)
    hidden = np.concatenate([ids[user], times[codes[0]], gender[user], days[codes[1]]]).astype(np.float64)
    for place, (kernel, bias) in enumerate(QUERY.dense):
        hidden = hidden @ kernel + bias
        if place < 2:
            hidden = np.where(hidden > 0, hidden, 0)
    return hidden


def test_a_tower_embeds_users_at_a_time() -> None:
    users, codes = np.array([4, 0, 4]), np.array([[3, 6], [1, 2], [0, 0]], np.int32)
    expected = [by_hand(user, tuple(code)) for user, code in zip(users, codes, strict=True)]
    np.testing.assert_allclose(QUERY.embed(users, codes), expected, rtol=1e-5, atol=1e-5)


def test_contributions_add_up_to_the_embedding() -> None:
    users, codes = np.arange(5), BOTH.codes
    contributions = QUERY.contributions(users, codes)
    assert contributions.shape == (5, 5, 3)
    assert QUERY.names == ("user_id", "timestamp", "user_gender", "day_of_week", "biases")
    np.testing.assert_allclose(contributions.sum(axis=1), QUERY.embed(users, codes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        MOVIE.contributions(np.arange(6)).sum(axis=1), MOVIE.embed(np.arange(6)), rtol=1e-5
    )


def test_an_input_that_is_zero_adds_nothing() -> None:
    without = replace(QUERY.inputs[1], table=np.zeros((4, 2), np.float32))
    tower = replace(QUERY, inputs=(QUERY.inputs[0], without, *QUERY.inputs[2:]))
    assert not tower.contributions(np.arange(5), BOTH.codes)[:, 1].any()
    assert QUERY.contributions(np.arange(5), BOTH.codes)[:, 1].any()


def test_codes_must_be_given_where_there_are_contexts_and_nowhere_else() -> None:
    with pytest.raises(ValueError, match="0 contexts are given; the tower has 2"):
        QUERY.embed(np.arange(2))
    with pytest.raises(ValueError, match="1 contexts are given; the tower has 0"):
        MOVIE.embed(np.arange(2), np.zeros((2, 1), np.int32))


CONTEXT = Tower((*MOVIE.inputs, TowerInput("week", True, floats(2, 1))), ((floats(4, 3), floats(3)),))
MISFITS = {
    "codes are of shape \\(5, 1\\)": lambda: replace(BOTH, codes=BOTH.codes[:, :1]),
    "codes are of shape \\(4, 2\\)": lambda: replace(BOTH, codes=BOTH.codes[1:]),
    "codes are of shape": lambda: replace(BOTH, movie=CONTEXT),
    "none of the 4 in its table": lambda: replace(BOTH, codes=BOTH.codes + 1),
    "none of the 7 in its table": lambda: replace(BOTH, codes=BOTH.codes - [0, 1]),
    "3 numbers of users, 2 of movies": lambda: replace(
        BOTH, movie=replace(MOVIE, dense=((floats(3, 2), floats(2)),))
    ),
    "a dense layer of 8 inputs": lambda: replace(QUERY, dense=QUERY.dense[1:]),
    "needs inputs and a dense layer": lambda: replace(MOVIE, dense=()),
    "not distinct": lambda: replace(QUERY, inputs=(*QUERY.inputs[:3], QUERY.inputs[1], *QUERY.inputs[4:])),
    "differ in length": lambda: replace(
        QUERY, inputs=(*QUERY.inputs[:2], TowerInput("user_gender", False, floats(4, 1)), QUERY.inputs[3])
    ),
    "is of shape \\(6,\\)": lambda: TowerInput("movie_id", False, floats(6)),
}


@pytest.mark.parametrize("words", MISFITS)
def test_arrays_that_do_not_fit_together_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MISFITS[words]()
