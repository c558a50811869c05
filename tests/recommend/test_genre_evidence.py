"""What genres say of movies, against naive Bayes written out in loops."""

import math

import numpy as np
import pytest

from movierec_cli.recommend.genre_evidence import Kinds


def evidence_by_hand(genres: np.ndarray, base: list[float], liked: list[int], prior: float) -> list[float]:
    """The log of P(genres | liked) / P(genres), genre by genre."""
    found = []
    for movie in genres:
        total = 0.0
        for genre, has in enumerate(movie):
            times = sum(bool(genres[one, genre]) for one in liked)
            rate = (times + prior * base[genre]) / (len(liked) + prior)
            total += math.log(rate / base[genre] if has else (1 - rate) / (1 - base[genre]))
        found.append(total)
    return found


@pytest.mark.parametrize("liked", [[2], [0, 5, 6, 7]])
def test_evidence_is_that_of_naive_bayes(liked: list[int]) -> None:
    genres = np.random.default_rng(1).random((9, 4)) < 0.4
    base = [0.2, 0.5, 0.05, 0.9]
    found = Kinds(genres, np.array(base)).evidence(np.array(liked), 5.0)
    assert found.tolist() == pytest.approx(evidence_by_hand(genres, base, liked, 5.0))
    assert found[liked[0]] > found[~genres[:, genres[liked[0]]].any(axis=1)].max(initial=-np.inf)


def test_no_genres_and_nothing_liked_say_nothing() -> None:
    without = Kinds(np.zeros((3, 0), bool), np.zeros(0))
    assert without.evidence(np.array([1]), 5.0).tolist() == [0, 0, 0]
    some = Kinds(np.eye(3, dtype=bool), np.array([0.3, 0.2, 0.5]))
    assert some.evidence(np.zeros(0, np.int64), 15.0) == pytest.approx([0, 0, 0])
