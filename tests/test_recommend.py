from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.recommend import rated_by, recommend
from movierec_cli.registry.artifacts import RunArtifacts
from movierec_cli.registry.store import Run
from tests.saved_runs import run_artifacts, run_record, save_run
from tests.tiny_dataset import GENRES, ROWS, TITLES, tiny_dataset


def artifacts(movie_embeddings: list[list[float]]) -> RunArtifacts:
    return replace(
        run_artifacts(),
        user_embeddings=np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        movie_embeddings=np.array(movie_embeddings, np.float32),
    )


@pytest.fixture
def dataset() -> Dataset:
    return tiny_dataset()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return save_run(tmp_path, run_record("timestamp"), artifacts([[4, 1], [3, 2], [2, 3], [1, 4]]))


def test_unseen_movies_come_best_first(dataset: Dataset, run: Run) -> None:
    recommended = recommend(dataset, run, 2)
    assert [(movie.movie_id, movie.score) for movie in recommended.movies] == [(13, 4.0), (11, 2.0)]
    assert recommended.movies[1].title == "Brazil (1985)"
    assert recommended.movies[1].genres == ("Comedy", "Sci-Fi")
    assert recommended.movies[0].genres == ()
    assert recommended.feature_set == run.record.config.feature_set


def test_seen_movies_are_recommended_on_request(dataset: Dataset, run: Run) -> None:
    recommended = recommend(dataset, run, 2, top=3, include_seen=True)
    assert [movie.movie_id for movie in recommended.movies] == [13, 12, 11]


def test_fewer_come_where_nearly_all_is_seen(dataset: Dataset, run: Run) -> None:
    assert [movie.movie_id for movie in recommend(dataset, run, 1).movies] == [12]


def test_equal_scores_keep_the_order_of_the_catalogue(dataset: Dataset, tmp_path: Path) -> None:
    run = save_run(tmp_path, run_record(), artifacts([[1, 1]] * 4))
    assert [movie.movie_id for movie in recommend(dataset, run, 3).movies] == [10, 11, 13]


@pytest.mark.parametrize("seed", range(3))
def test_recommending_equals_a_sort_by_hand(dataset: Dataset, tmp_path: Path, seed: int) -> None:
    saved = run_artifacts(seed=seed, dim=5)
    run = save_run(tmp_path, run_record(), saved)
    for row, user_id in enumerate((1, 2, 3)):
        seen = {movie for user, movie, _, _ in ROWS if user == user_id}
        by_hand = sorted(
            (-sum(map(float, vector * saved.user_embeddings[row])), movie)
            for movie, vector in zip(TITLES, saved.movie_embeddings, strict=True)
            if movie not in seen
        )
        assert [movie.movie_id for movie in recommend(dataset, run, user_id).movies] == [
            m for _, m in by_hand
        ]


def test_rated_movies_come_best_first_then_newest(dataset: Dataset) -> None:
    rated = rated_by(dataset, 1)
    assert [(movie.title, movie.rating, movie.timestamp) for movie in rated] == [
        ("Dune [1] (1984)", 5.0, 200),
        ("Alien (1979)", 5.0, 100),
        ("Brazil (1985)", 3.0, 300),
    ]
    assert rated[1].genres == GENRES[1:]


@pytest.mark.parametrize("user_id", [0, 4, -1, 10**12])
def test_an_unknown_user_is_told_the_valid_range(dataset: Dataset, run: Run, user_id: int) -> None:
    for ask in (lambda: rated_by(dataset, user_id), lambda: recommend(dataset, run, user_id)):
        with pytest.raises(MovierecError, match=rf"no user {user_id} in 'tiny'.* ids 1 to 3"):
            ask()


def test_ids_with_gaps_are_told_as_such(dataset: Dataset) -> None:
    users = replace(dataset.users, user_id=np.array([1, 5, 900], np.int64))
    with pytest.raises(MovierecError, match="3 ids between 1 and 900"):
        rated_by(replace(dataset, users=users), 2)


def test_a_run_of_other_data_is_refused(dataset: Dataset, run: Run) -> None:
    movies = replace(dataset.movies, movie_id=dataset.movies.movie_id + 1)
    with pytest.raises(SavedModelError, match="trained on other data"):
        recommend(replace(dataset, movies=movies), run, 1)
