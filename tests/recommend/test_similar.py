from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import TowerConfig
from movierec_cli.errors import DataError
from movierec_cli.files.csv_tables import write_csv
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.response import SIMILAR_COLUMNS, similar_movies
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, run_artifacts, run_config, run_record, save_run
from tests.small_dataset import N_MOVIES, small_dataset, with_duplicates


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), small_dataset(), run_config())


def cosine(run: Run, one: int, other: int) -> float:
    a, b = run.artifacts.movie_embeddings[[one, other]].astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("row", [0, 17, N_MOVIES - 1])
def test_the_nearest_are_those_of_the_highest_cosine_without_the_movie_itself(run: Run, row: int) -> None:
    expected = sorted((cosine(run, row, i), i) for i in range(N_MOVIES) if i != row)[::-1][:7]
    found = similar_movies(run, row, top=7)
    assert [one.movie_id for one in found.movies] == [run.artifacts.movie_ids[i] for _, i in expected]
    assert [one.similarity for one in found.movies] == pytest.approx([near for near, _ in expected])
    assert found.title == run.catalogue.title[row]


def test_filters_leave_out_movies_and_without_any_all_others_are_similar(run: Run) -> None:
    assert len(similar_movies(run, 3, top=1_000).movies) == N_MOVIES - 1
    found = similar_movies(run, 3, top=1_000, filters=Filters(genres=("War",), exclude=(2,)))
    assert {one.genres for one in found.movies} == {("War",)}
    assert run.artifacts.movie_ids[2] not in {one.movie_id for one in found.movies}


def test_a_movie_of_several_ids_is_near_once_and_never_itself(tmp_path: Path) -> None:
    twice = judged_run(tmp_path, with_duplicates(), run_config())
    titles = twice.catalogue.title
    for row in (3, 24, 8):
        near = sorted(
            (i for i in range(N_MOVIES) if titles[i] != titles[row]), key=lambda i: -cosine(twice, row, i)
        )
        expected = list(dict.fromkeys(titles[i] for i in near))
        found = similar_movies(twice, row, top=N_MOVIES).movies
        assert [one.title for one in found] == expected
        assert found[0].movie_id == twice.artifacts.movie_ids[near[0]]


def test_equal_and_empty_embeddings_are_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    movies = np.array([[1, 1], [0, 0], [2, 2], [1, 1], [-1, -1]], np.float32)
    artifacts = replace(run_artifacts(n_movies=5), movie_embeddings=movies)
    saved = save_run(tmp_path, run_record(), artifacts)
    found = similar_movies(saved, 0)
    assert [one.movie_id for one in found.movies] == [12, 13, 11, 14]
    assert [one.similarity for one in found.movies] == pytest.approx([1, 1, 0, -1])
    assert [one.movie_id for one in similar_movies(saved, 1, top=2).movies] == [10, 12]


def test_a_bias_makes_scores_and_nothing_alike(tmp_path: Path) -> None:
    config = run_config()
    assert isinstance(config.model, TowerConfig)
    biased = replace(config, model=replace(config.model, item_bias=True))
    run = judged_run(tmp_path, small_dataset(), biased)
    plain = run.artifacts.movie_embeddings[:, :-1].astype(np.float64)
    for found in similar_movies(run, 5, top=5).movies:
        row = run.artifacts.movie_ids.tolist().index(found.movie_id)
        lengths = np.linalg.norm(plain[5]) * np.linalg.norm(plain[row])
        assert found.similarity == pytest.approx(plain[5] @ plain[row] / lengths)
    users = run.scorer.users(np.array([2]))
    expected = run.artifacts.user_embeddings[2] @ run.artifacts.movie_embeddings.T
    np.testing.assert_allclose(run.scorer.scores(users)[0], expected, rtol=1e-5)
    assert run.scorer.vectors(np.array([5])).shape == (1, 3)


def test_a_movie_that_the_model_hardly_knows_comes_with_a_caution(run: Run, tmp_path: Path) -> None:
    saved = save_run(tmp_path, run_record(), run_artifacts())  # three users rated the first movie
    own, others = similar_movies(saved, 1).cautions
    assert own == (
        "1 movie asked about has fewer than 10 ratings in the model's data, so what is near it is"
        " mostly chance: 'Film 11 (1999)' (no ratings)"
    )
    assert others.startswith("3 movies in the list have fewer than 10 ratings")
    popularity = run.user_ratings.popularity
    known = Filters(min_popularity=10)
    assert popularity.max() >= 10
    assert similar_movies(run, int(popularity.argmax()), filters=known).cautions == ()
    assert [row[-1] for row in similar_movies(saved, 0).csv_rows()] == ["new"] * 3
    assert run.is_new.tolist() == (popularity == 0).tolist()


def test_programs_and_files_get_what_people_see(run: Run, tmp_path: Path) -> None:
    found = similar_movies(run, 4, top=2)
    document = found.document()
    assert document["run"] == run.record.name
    described = {"movie_id": 104, "title": "Film 104 (1984)", "genres": ("Drama",), "is_new": False}
    assert document["movie"] == described
    assert [one["title"] for one in document["movies"]] == [one.title for one in found.movies]
    assert set(document["movies"][0]) == {"movie_id", "title", "genres", "similarity", "is_new"}
    assert SIMILAR_COLUMNS == ("place", "movie_id", "title", "similarity", "new")
    expected = [(place, one.movie_id, one.title) for place, one in enumerate(found.movies, start=1)]
    assert [row[:3] for row in found.csv_rows()] == expected
    with pytest.raises(DataError, match="cannot be written"):
        write_csv(SIMILAR_COLUMNS, found.csv_rows(), tmp_path)
