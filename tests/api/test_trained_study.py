"""A study of the embedded sample, trained in earnest from Python: what its runs answer; the doctests."""

import doctest
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import movierec_cli.api
from movierec_cli import MovieLensTrainer, MovierecError, SavedRun, StudyResult, UsageError, compare, load
from movierec_cli.api import saved_run, study_result, training_call
from movierec_cli.data import sample
from movierec_cli.evaluation.metrics import metric_values
from tests.api.test_options import own_frames
from tests.cli.running import run as run_command
from tests.sample_part import part_of_the_sample

QUICK = {"num_epochs": 1, "embedding_size": 8, "layer_sizes": [8], "baselines": "popularity"}


@pytest.fixture(scope="module", autouse=True)
def _small_sample() -> Iterator[None]:
    """The sample of 300 users, which trains in no time."""
    part = part_of_the_sample()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "simulate_sample", lambda: part)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def result(folder: Path) -> StudyResult:
    sets = [None, ["movie_genres"]]
    return MovieLensTrainer(dataset="sample", feature_sets=sets, saved_models_dir=folder, **QUICK).run()


@pytest.fixture(scope="module")
def trained(result: StudyResult) -> SavedRun:
    return result.runs[0]


def test_the_runs_are_those_of_the_command(result: StudyResult, folder: Path) -> None:
    assert [one.label for one in result.runs] == ["None", "movie_genres", "popularity"]
    line = result.runs[0].record.command
    assert line.startswith("movierec train --dataset sample --additional_feature_sets None")
    typed = line.removeprefix("movierec ")
    again = run_command(f"{typed} --output {folder / 'page.html'}")
    assert again.exit_code == 0 and again.stderr.count(": loaded") == 3, again.stderr


def test_the_best_is_by_validation(result: StudyResult) -> None:
    scores = {one.label: max(epoch.ndcg or 0 for epoch in one.record.history) for one in result.runs}
    assert len(set(scores.values())) == len(scores)
    assert max(scores, key=scores.__getitem__) == result.best.label


def test_recommendations_are_the_highest_dot_products_of_unseen_movies(trained: SavedRun) -> None:
    frame = trained.recommend(user=7, top=20)
    users = trained.user_embeddings().filter(pl.col("user") == 7)["embedding"].to_numpy()[0]
    items = trained.item_embeddings()
    scores = items["embedding"].to_numpy().astype(float) @ users.astype(float)
    ratings = part_of_the_sample().ratings
    seen = ratings.movie_index[ratings.user_index == 6]
    scores[seen] = -np.inf
    best = np.argsort(-scores, kind="stable")[:20]
    assert frame["movie_id"].to_list() == items["movie_id"].to_numpy()[best].tolist()
    assert frame["score"].to_numpy() == pytest.approx(scores[best], abs=1e-6)
    assert frame["place"].to_list() == list(range(1, 21))
    assert frame["user"].unique().to_list() == [7] and frame["stars"].null_count() == 20


def test_many_users_get_the_lists_of_each(trained: SavedRun) -> None:
    both = trained.recommend(users=[7, 8], top=5, genre="Drama")
    one = trained.recommend(user=7, top=5, genre=["Drama"])
    assert both.filter(pl.col("user") == 7).equals(one)
    assert all("Drama" in genres for genres in both["genres"].to_list()) and len(both) == 10


def test_lists_tell_which_movies_nobody_rated_in_training(
    trained: SavedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every movie of the sample is rated, so a third of them are taken as if they were not."""
    is_new = np.arange(len(trained.run.catalogue)) % 3 == 0
    monkeypatch.setitem(vars(trained.run), "is_new", is_new)
    new = set(trained.run.catalogue.movie_id[is_new].tolist())
    for frame in (
        trained.recommend(user=7, top=20),
        trained.recommend(users=[7, 8], top=20),
        trained.recommend(together=[7, 8], top=20),
        trained.similar("id:1", top=20),
    ):
        assert frame["is_new"].to_list() == [movie in new for movie in frame["movie_id"].to_list()]
        assert frame["is_new"].any() and not frame["is_new"].all()


def test_a_new_user_is_not_recommended_what_they_like(trained: SavedRun) -> None:
    liked = trained.run.catalogue.title[:2].tolist()
    frame = trained.recommend(liked=liked, top=5)
    assert frame["user"].null_count() == 5 and not set(liked) & set(frame["title"])


def test_several_people_get_one_list(trained: SavedRun) -> None:
    liked = trained.run.catalogue.title[:2].tolist()
    frame = trained.recommend(together=[7, 8, f"Ann={'; '.join(liked)}"], top=5, fairness="turns")
    assert frame["chosen_by"].to_list() == ["user 7", "user 8", "Ann", "Ann", "user 8"]
    assert frame.unnest("places")["user 7"][0] == 1 and not set(liked) & set(frame["title"])
    same = trained.recommend(
        together=True, user=[7, "8"], likes=f"Ann={'; '.join(liked)}", top=5, fairness="turns"
    )
    assert same.equals(frame)


def test_similar_movies_have_the_highest_cosines(trained: SavedRun) -> None:
    items = trained.item_embeddings()
    vectors = items["embedding"].to_numpy().astype(float)[:, :-1]  # without the movies' biases
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit[0]
    cosines[0] = -2
    frame = trained.similar(int(items["movie_id"][0]), top=3)
    assert frame["similarity"].to_numpy() == pytest.approx(np.sort(cosines)[::-1][:3], abs=1e-6)


def test_a_run_is_evaluated_as_its_outcome_says(trained: SavedRun) -> None:
    frame = trained.evaluate(metric="recall@10")
    assert frame.columns == ["metric", "mean", "low", "high"]
    values = metric_values(trained.run.outcome.warm, "recall@10")
    (found,) = frame.filter(pl.col("metric") == "recall@10")["mean"]
    assert found == pytest.approx(float(np.mean(values)))


def test_runs_are_compared_and_loaded_by_name(result: StudyResult, folder: Path) -> None:
    loaded = [load(one.name[:-4], folder) for one in result.runs]
    again = compare(loaded)
    assert again.metrics().equals(result.metrics())
    with pytest.raises(MovierecError, match="there is no saved model 'nix'"):
        load("nix", folder)
    with pytest.raises(UsageError, match="there is no run to compare"):
        compare([])


def test_what_a_model_cannot_do_is_said(trained: SavedRun, result: StudyResult) -> None:
    with pytest.raises(MovierecError, match="predicts no ratings"):
        trained.predict(1, "id:1")
    with pytest.raises(UsageError, match="--as_of has no effect here"):
        trained.recommend(liked="id:1", as_of="2001-05-01")
    with pytest.raises(UsageError, match="say for whom"):
        trained.recommend()


def test_a_notebook_shows_tables_and_charts(result: StudyResult, trained: SavedRun) -> None:
    shown = result._repr_html_()
    assert result.answer[0].split(",")[0] in shown and shown.count("<tr") >= 4
    assert trained.name in trained._repr_html_()
    page = result.charts(height=700)._repr_html_()
    assert page.startswith("<iframe srcdoc=") and "id=&quot;forest&quot;" in page and 'height="700"' in page
    assert result.answer[0][:40] in str(result).replace("\n", " ")


def test_a_frame_of_ones_own_is_trained_on(tmp_path: Path) -> None:
    ratings, items = own_frames()
    columns = {"user": "customer", "timestamp": "when"}
    trainer = MovieLensTrainer(
        dataset=ratings,
        items=items,
        columns=columns,
        feature_sets=["timestamp"],
        saved_models_dir=tmp_path,
        **QUICK,
    )
    result = trainer.run()
    assert [one.label for one in result.runs] == ["timestamp", "popularity"]
    again = load("frame-timestamp", tmp_path).recommend(user="u3", top=5)
    assert again.equals(result.runs[0].recommend(user="u3", top=5)) and len(again) == 5


def test_the_examples_of_the_documentation_work(result: StudyResult, folder: Path) -> None:
    given = {"saved_models_dir": folder, "result": result, "run": result.runs[0]}
    modules = (movierec_cli.api, saved_run, study_result, training_call)
    found = [doctest.testmod(one, extraglobs=given) for one in modules]
    assert sum(one.failed for one in found) == 0 and sum(one.attempted for one in found) >= 10


def test_a_config_gives_the_same_runs_array_by_array(tmp_path: Path) -> None:
    typed = (
        "train --dataset sample --feature_sets None --feature_sets movie_genres --seeds 2 --num_epochs 1"
        " --embedding_size 4 --layer_sizes 4 --baselines ease --no_refit"
    ).replace("--feature_sets", "--additional_feature_sets")
    file, page = tmp_path / "study.toml", tmp_path / "page.html"
    assert run_command(f"{typed} --write_config {file}").exit_code == 0
    folders = [tmp_path / "typed", tmp_path / "file"]
    for start, saved in zip((typed, f"train --config {file}"), folders, strict=True):
        done = run_command(f"{start} --saved_models_dir {saved} --output {page}")
        assert done.exit_code == 0, done.output
    runs = [[load(one.name, saved) for one in sorted(saved.iterdir())] for saved in folders]
    assert len(runs[0]) == 5 and [one.name for one in runs[0]] == [one.name for one in runs[1]]
    for one, other in zip(*runs, strict=True):
        arrays, others = (
            {part.name: part.read_bytes() for part in each.folder.glob("*.npz")} for each in (one, other)
        )
        assert arrays == others and len(arrays) >= 4
    assert "--config" not in runs[1][0].record.command  # which needs no file
