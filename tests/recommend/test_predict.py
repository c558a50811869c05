from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import SplitConfig
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.ratings import RatingErrors
from movierec_cli.files.csv_tables import write_csv
from movierec_cli.recommend.batch_files import read_pairs
from movierec_cli.recommend.predict import (
    PREDICTION_COLUMNS,
    PredictedRating,
    predict,
    prediction_rows,
)
from movierec_cli.recommend.run_choice import FOR_RATINGS, best_run, suitable_runs, validation_rmse
from movierec_cli.registry import store
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, multi_task_config, run_config
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset

DATASET = small_dataset()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), DATASET, multi_task_config())


def with_validation(run: Run, rmse: float, *, of_others: float = 9.0) -> Run:
    """The same run, saved anew with this RMSE in its best epoch."""
    best = run.record.best_epoch
    history = tuple(
        replace(epoch, ratings=RatingErrors(rmse=rmse if epoch.epoch == best else of_others, mae=rmse))
        for epoch in run.record.history
    )
    return store.save_run(run.folder.parent, replace(run.record, history=history), run.parts())


def test_predictions_are_the_heads_in_the_requested_order(run: Run) -> None:
    pairs = [(20, 3), (1, 0), (20, 39), (1, 0)]
    predicted = predict(run, pairs)
    assert [(one.user_id, one.movie_id) for one in predicted] == [(20, 103), (1, 100), (20, 139), (1, 100)]
    assert predicted[0].title == DATASET.movies.title[3]
    expected = run.rating_head.stars(np.array([19, 0, 19, 0]), np.array([3, 0, 39, 0]))
    np.testing.assert_array_equal([one.stars for one in predicted], expected)


def test_every_test_rating_is_predicted_as_it_was_evaluated(run: Run) -> None:
    outcome = run.rating_outcome
    movies = DATASET.ratings.movie_index[outcome.rows]
    pairs = [(int(user) + 1, int(movie)) for user, movie in zip(outcome.user_index, movies, strict=True)]
    predicted = predict(run, pairs)
    np.testing.assert_array_equal([one.stars for one in predicted], outcome.predicted)
    assert [one.given for one in predicted] == outcome.rating.tolist()


def test_the_users_own_ratings_are_shown(run: Run) -> None:
    ratings = DATASET.ratings
    pairs = zip(ratings.user_index.tolist(), ratings.movie_index.tolist(), strict=True)
    own = dict(zip(pairs, ratings.rating.tolist(), strict=True))
    every = [(user, movie) for user in range(20) for movie in range(40)]
    predicted = predict(run, [(user + 1, movie) for user, movie in every])
    assert [one.given for one in predicted] == [own.get(pair) for pair in every]


def test_no_pairs_are_no_predictions(run: Run) -> None:
    assert predict(run, []) == ()


@pytest.mark.parametrize("user_id", [0, 21, -1, 10**30])
def test_an_unknown_user_is_refused_with_the_ids(run: Run, user_id: int) -> None:
    with pytest.raises(MovierecError, match=rf"no user {user_id} in 'small'.* ids 1 to 20"):
        predict(run, [(1, 0), (user_id, 0)])


def test_who_the_training_left_out_is_unknown(tmp_path: Path) -> None:
    config = replace(multi_task_config(), split=SplitConfig(k_core=7))
    run = judged_run(tmp_path, DATASET, config)
    kept_users, kept_movies = run.artifacts.user_ids, run.artifacts.movie_ids
    assert 1 not in kept_users and len(kept_movies) < len(DATASET.movies)
    (predicted,) = predict(run, [(int(kept_users[-1]), len(kept_movies) - 1)])
    assert predicted.movie_id == kept_movies[-1]
    assert predicted.stars == run.rating_head.stars(np.array([-1]), np.array([-1]))[0]  # of the last ones
    with pytest.raises(MovierecError, match=r"no user 1 .* without those of fewer than 7 ratings \(--k_core"):
        predict(run, [(1, 0)])


@pytest.mark.parametrize("rating", [None, 0.0])
def test_a_run_that_learned_no_ratings_says_how_to_train_one(tmp_path: Path, rating: float | None) -> None:
    config = run_config() if rating is None else multi_task_config(rating=rating)
    run = judged_run(tmp_path, DATASET, config)
    assert not FOR_RATINGS.is_served_by(run.record)
    with pytest.raises(MovierecError, match="movierec train --tasks retrieval rating"):
        predict(run, [(1, 0)])
    with pytest.raises(MovierecError, match="movierec train --tasks retrieval rating"):
        suitable_runs(tmp_path, FOR_RATINGS, run.record.name[:7])
    with pytest.raises(MovierecError, match="train one first: movierec train --tasks retrieval rating"):
        suitable_runs(tmp_path, FOR_RATINGS)


def test_the_lowest_rmse_on_validation_is_taken_whatever_the_test_says(tmp_path: Path) -> None:
    def saved(rmse: float, test: float, created_at: str, **tasks: float) -> Run:
        run = judged_run(tmp_path, DATASET, multi_task_config(**tasks), created_at=created_at)
        run = replace(run, record=replace(run.record, ratings=RatingErrors(rmse=test, mae=test)))
        return with_validation(run, rmse, of_others=0.01 if rmse > 1 else 9.0)

    best = saved(0.9, 2.0, "2026-01-01T00:00:00+00:00", rating=0.1)
    saved(1.1, 0.1, "2026-02-01T00:00:00+00:00", rating=0.2)
    saved(1.0, 0.2, "2026-03-01T00:00:00+00:00", rating=0.3)
    judged_run(tmp_path, DATASET, run_config())
    runs = suitable_runs(tmp_path, FOR_RATINGS)
    assert len(runs) == 3
    chosen = best_run(runs, FOR_RATINGS)
    assert chosen.run.record.name == best.record.name
    assert chosen.reason == "the best of 3 models, RMSE 0.900 stars on validation"
    assert validation_rmse(best.record) == 0.9


def test_a_run_without_a_validation_rating_does_not_come_first(tmp_path: Path) -> None:
    nan = judged_run(tmp_path, DATASET, multi_task_config(rating=0.1))
    history = tuple(
        replace(epoch, ratings=RatingErrors(rmse=float("nan"), mae=float("nan")))
        for epoch in nan.record.history
    )
    unmeasured = replace(nan, record=replace(nan.record, history=history))
    measured = with_validation(judged_run(tmp_path, DATASET, multi_task_config()), 1.5)
    assert validation_rmse(unmeasured.record) is None
    assert best_run([unmeasured, measured], FOR_RATINGS).run is measured


def titled(run: Run, folder: Path, **titles: str) -> Run:
    """The run with other titles, by `m<movie id>`."""
    title = DATASET.movies.title.copy()
    for name, text in titles.items():
        title[int(name[1:]) - FIRST_MOVIE_ID] = text
    parts = replace(run.parts(), catalogue=replace(run.catalogue, title=title))
    return store.save_run(folder, run.record, parts)


def test_pairs_are_read_by_id_and_by_title(run: Run, tmp_path: Path) -> None:
    other = titled(
        run, tmp_path, m100="Amélie, Die (1980)", m101="103 (1981)", m102='The "Quoted", One (1982)'
    )
    text = (
        "\ufeffmovie,note,user\r\n"
        "Amélie (1980),x,1\r\n"
        "die amelie,,2\r\n"
        " 103 ,,3\r\n"
        "id:101,,3\r\n"
        "103 (1981),,3\r\n"
        '"The ""Quoted"", One",,4\r\n'
        "\r\n"
    )
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8", newline="")
    batch = read_pairs(tmp_path / "pairs.csv", other)
    assert batch.wanted == ((1, 0), (2, 0), (3, 3), (3, 1), (3, 1), (4, 2))


PREDICTED = (
    PredictedRating(1, 590, 'Amélie, "Die" (1984)', 4.123456, None),
    PredictedRating(2, 591, "Film", 1.0, 3.5),
)


def test_predictions_are_written_as_csv(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "out.csv"
    write_csv(PREDICTION_COLUMNS, prediction_rows(PREDICTED), file)
    assert file.read_bytes().decode() == (
        'user,movie_id,title,stars,given\n1,590,"Amélie, ""Die"" (1984)",4.1235,\n2,591,Film,1.0000,3.5\n'
    )
