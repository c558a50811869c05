"""Stars of somebody whom a run never saw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import RankBy
from movierec_cli.errors import MovierecError
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.new_user_stars import folded_in_note, head_of, movie_biases, new_ratings
from movierec_cli.recommend.predict import predict, predict_for
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, multi_task_config, rating_head, run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
MOVIES = np.array([3, 5, 7, 11], np.int64)
STARS = np.array([5, 1, np.nan, 4], np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), DATASET, multi_task_config())


def person(run: Run, stars: np.ndarray = STARS) -> User:
    return new_user(run, Opinions(np.array([3, 11]), np.array([5])), MOVIES, stars)


def test_their_numbers_are_those_that_training_would_give_them() -> None:
    """By the training's own evidence, of a user of the data, with all their ratings."""
    rows = np.arange(len(DATASET.ratings))
    evidence = Evidence(DATASET, rows)
    user = int(np.argmax(evidence.n_ratings))
    mine = DATASET.ratings.user_index == user
    movies, stars = DATASET.ratings.movie_index[mine], DATASET.ratings.rating[mine].astype(float)
    head = replace(rating_head(numbers_of_user=2), mean=evidence.mean, movie_genres=evidence.genre_shares)
    head = replace(head, user_numbers=head.user_numbers * 0 - 9)  # the usual number is below theirs
    biases = movie_biases(
        DATASET.ratings.movie_index, DATASET.ratings.rating, evidence.mean, len(DATASET.movies)
    )
    found = new_ratings(head, biases, movies.astype(np.int64), stars)
    np.testing.assert_allclose(found.numbers, evidence.of_users(np.array([user], np.int32))[0], rtol=1e-4)
    of_training = evidence.of_training()[mine]
    np.testing.assert_allclose(found.numbers_without, of_training[:, :2], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.of_genres_without, of_training[:, 4:], rtol=1e-3, atol=1e-4)
    tastes = evidence.tastes_of(np.array([user], np.int32))[0]
    np.testing.assert_allclose(found.tastes, tastes, rtol=1e-3, atol=1e-4)
    assert len(DATASET.movies.genre_names) > 1 and np.ptp(tastes) > 0.01


def test_a_new_user_is_predicted_by_their_own_stars_and_shown_them(run: Run) -> None:
    predicted = predict_for(run, person(run), [3, 7, 20])
    assert [one.given for one in predicted] == [5, None, None]
    assert {one.user_id for one in predicted} == {None}
    other = predict_for(run, person(run, np.array([1, 5, np.nan, 1], np.float32)), [3, 7, 20])
    assert predicted[0].stars > other[0].stars
    assert all(1 <= one.stars <= 5 for one in (*predicted, *other))
    head, row = head_of(run, person(run))
    np.testing.assert_array_equal(
        [one.stars for one in predicted], head.stars(np.full(3, row), np.array([3, 7, 20]))
    )


def test_a_user_of_the_data_is_predicted_as_before(run: Run) -> None:
    mine = predict_for(run, user_of(run, 2), [0, 1, 2])
    assert mine == predict(run, [(2, 0), (2, 1), (2, 2)])


def test_a_new_users_list_is_ordered_by_their_predicted_stars(run: Run) -> None:
    listed = recommend(run, person(run), top=40, rank_by=RankBy.RATING)
    stars = [movie.stars for movie in listed.movies]
    assert None not in stars and stars == sorted(stars, key=lambda one: -(one or 0))
    assert not set(MOVIES.tolist()) & set(listed.rows)
    expected = predict_for(run, person(run), listed.rows)
    assert stars == [one.stars for one in expected]


def test_the_note_says_from_what_they_are_predicted(run: Run) -> None:
    assert folded_in_note(run, person(run)).startswith(
        "the new user's stars are predicted from 3 ratings that the model was not trained on, on average "
    )


@pytest.mark.parametrize("call", ["predict", "recommend"])
def test_without_stars_or_a_model_of_them_it_is_refused_in_one_sentence(
    call: str, run: Run, tmp_path: Path
) -> None:
    def ask(asked: Run, user: User) -> object:
        if call == "predict":
            return predict_for(asked, user, [0])
        return recommend(asked, user, rank_by=RankBy.BLEND)

    with pytest.raises(MovierecError, match="from stars that they gave, and there are none"):
        ask(run, person(run, np.full(4, np.nan, np.float32)))
    plain = judged_run(tmp_path, DATASET, run_config())
    with pytest.raises(MovierecError, match="movierec train --tasks retrieval rating"):
        ask(plain, person(plain))
