import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from movierec_cli.config import (
    BASELINES,
    Family,
    SplitConfig,
    SplitKind,
    TrainerConfig,
    default_settings,
)
from movierec_cli.config.settings import DEFAULT_WEIGHTING
from movierec_cli.data.split_data import restrict
from movierec_cli.experiment import loading
from movierec_cli.registry.store import list_runs
from tests.cli import fake_trainer
from tests.cli.running import check_row, rows, run, words
from tests.small_dataset import small_dataset

pytestmark = pytest.mark.usefixtures("fake_trainings")

PUBLISHED = (
    "train --num_epochs 300 --additional_feature_sets None --additional_feature_sets timestamp"
    " --additional_feature_sets movie_title_text --additional_feature_sets timestamp movie_title_text"
    " --additional_feature_sets timestamp movie_title_text movie_genres"
    " --additional_feature_sets timestamp movie_title_text movie_genres movie_length"
    " --embedding_size 32 --layer_sizes 64 32 --generate_recommendations_for_user 1"
)


def config_of(line: str) -> TrainerConfig:
    result = run(line)
    assert result.exit_code == 0, result.output
    return fake_trainer.configs[-1]


def movies_rated_by(user_id: int) -> set[int]:
    movies, ratings = small_dataset().movies, small_dataset().ratings
    return set(movies.movie_id[ratings.movie_index[ratings.user_index == user_id - 1]].tolist())


def test_the_published_command_works_word_for_word(tmp_path: Path) -> None:
    result = run(PUBLISHED)
    assert result.exit_code == 0, result.output
    config = fake_trainer.configs[-1]
    assert [one.label for one in config.feature_sets] == [
        "None",
        "timestamp",
        "movie_title_text",
        "timestamp + movie_title_text",
        "timestamp + movie_title_text + movie_genres",
        "timestamp + movie_title_text + movie_genres + movie_length",
    ]
    assert config.training == replace(Family.TWO_TOWER.spec.training, num_epochs=300)
    usual = default_settings().model
    assert config.model == replace(usual, embedding_size=32, layer_sizes=(64, 32))
    assert "User 1 rated 6 movies" in result.stdout
    assert result.stdout.count("Recommended with:") == 6
    assert (tmp_path / "movierec.html").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.removeprefix("train "),
        lambda line: " ".join(
            word.replace("_", "-") if word.startswith("--") else word for word in line.split()
        ),
        lambda line: line.replace("64 32", "64,32").replace("timestamp movie", "timestamp,movie"),
        lambda line: line.replace("sets ", "sets=").replace("sizes 64 32", "sizes=64,32"),
    ],
)
def test_other_spellings_mean_the_same(change: Any) -> None:
    assert config_of(change(PUBLISHED)) == config_of(PUBLISHED)


def test_the_command_as_it_was_typed_is_kept_with_what_it_trains(tmp_path: Path) -> None:
    assert run("--dataset 100k --additional-feature-sets timestamp 'movie_genres'").exit_code == 0
    typed = "movierec train --dataset 100k --additional-feature-sets timestamp movie_genres"
    assert fake_trainer.commands == [typed]
    records = [run.record for run in list_runs(tmp_path / "saved_models")[0]]
    assert {record.command for record in records} == {typed}


def test_without_options_the_defaults_are_the_configurations_own_and_fit_the_split() -> None:
    given = SplitConfig(kind=SplitKind.GIVEN)
    usual = default_settings()
    expected = TrainerConfig(model=usual.model, training=Family.TWO_TOWER.spec.training, split_of_data=given)
    assert config_of("train") == expected
    common = default_settings(split=SplitKind.TEMPORAL).model
    assert common is not None and common != usual.model
    assert config_of("train --split temporal").model == common
    asked = config_of("train --split temporal --layer_sizes 32 --embedding_size 16").model
    assert asked == replace(common, layer_sizes=(32,), embedding_size=16)


def labels(line: str) -> list[tuple[str, int | None]]:
    """Each run that a command trains, in order: its label and its seed."""
    result = run(f"{line} --json")
    assert result.exit_code == 0, result.output
    found = []
    for one in json.loads(result.stdout)["runs"]:
        config = one["record"]["config"]
        name = config["family"] if config["training"] is None else "+".join(config["feature_set"]) or "None"
        found.append((name, config["training"] and config["training"]["seed"]))
    return found


def test_two_seeds_give_two_runs_a_set_and_one_a_baseline() -> None:
    line = "train --additional_feature_sets None --additional_feature_sets timestamp --seeds 2 --seed 7"
    trained = [("None", 7), ("None", 8), ("timestamp", 7), ("timestamp", 8)]
    assert labels(line) == [*trained, ("popularity", None), ("ease", None)]
    result = run(f"{line} --generate_recommendations_for_user 1 --retrain")
    assert result.stdout.count("Recommended with:") == 2
    assert "timestamp × 2 seeds" in result.stdout
    assert "[2/6] None, seed 8: 20 epochs" in words(result.stderr)


def test_no_baselines_on_request() -> None:
    assert labels("train --additional_feature_sets None --baselines None") == [("None", 42)]
    assert labels("train --additional_feature_sets None --baselines all")[1:] == [
        (str(family), None) for family in BASELINES
    ]


def test_ease_is_left_out_with_a_warning_where_its_matrix_would_be_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "train --additional_feature_sets None --baselines ease popularity"
    monkeypatch.setattr(Family.EASE, "spec", replace(Family.EASE.spec, most_movies=39))
    assert [name for name, _ in labels(line)] == ["None", "popularity"]
    warned = words(run(line).stderr)
    assert warned.count("EASE is left out: it inverts a matrix of 40 × 40 movies, and the limit is 39") == 1
    monkeypatch.setattr(Family.EASE, "spec", replace(Family.EASE.spec, most_movies=40))
    assert [name for name, _ in labels(line)] == ["None", "ease", "popularity"]


@pytest.mark.parametrize(
    ("options", "weighting"),
    [
        ("--split random", "ratings"),
        ("--split temporal", DEFAULT_WEIGHTING[SplitKind.TEMPORAL]),
        ("--split leave-last", DEFAULT_WEIGHTING[SplitKind.LEAVE_LAST]),
        ("--split temporal --loss in-batch", "ratings"),
        ("--split temporal --weighting queries", "queries"),
        ("--split random --weighting root", "root"),
    ],
)
def test_a_run_keeps_the_weighting_that_its_split_asks_for(options: str, weighting: str) -> None:
    result = run(f"train --additional_feature_sets None --baselines None --json {options}")
    (trained,) = json.loads(result.stdout)["runs"]
    assert trained["record"]["config"]["training"]["weighting"] == weighting
    run(f"train --additional_feature_sets None --baselines None {options} --weighting {weighting}")
    assert len(list(Path("saved_models").iterdir())) == 1  # to say what is the default changes nothing


def test_models_of_a_part_of_the_data_recommend_and_are_judged_again() -> None:
    line = "train --dataset 100k --additional_feature_sets None --k_core 7 --min_rating 1 --split temporal"
    result = run(f"{line} --json --generate_recommendations_for_user 2")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    (recommended,) = document["recommendations"]["models"]
    kept = restrict(small_dataset(), min_rating=1, k_core=7).movies.movie_id.tolist()
    offered = {movie["movie_id"] for movie in recommended["movies"]}
    assert offered <= set(kept) - movies_rated_by(2) and len(offered) == 10
    again = json.loads(run("evaluate --json").stdout)
    assert again["models"] == document["study"]["models"]
    assert again["split"]["k_core"] == 7
    result = run(f"{line} --generate_recommendations_for_user 1")
    assert result.exit_code == 1
    assert "no user 1" in result.stderr and "fewer than 7 ratings (--k_core)" in result.stderr


def test_a_set_named_twice_is_trained_once_with_a_note() -> None:
    result = run(
        "train --additional_feature_sets movie_genres timestamp --additional_feature_sets None"
        " --additional_feature_sets timestamp,movie-genres"
    )
    sets = fake_trainer.configs[-1].feature_sets
    assert [one.label for one in sets] == ["timestamp + movie_genres", "None"]
    assert "'timestamp + movie_genres' is named twice" in words(result.stderr)


def test_json_is_one_document_and_the_page_opens_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    result = run(
        "train --additional_feature_sets None --additional_feature_sets timestamp --json"
        " --generate_recommendations_for_user 3 --plot out/plot.html --baselines popularity ease --open"
    )
    document = json.loads(result.stdout)
    configs = [run["record"]["config"] for run in document["runs"]]
    assert [config["feature_set"] for config in configs] == [[], ["timestamp"], [], []]
    assert [config["family"] for config in configs] == ["two-tower", "two-tower", "popularity", "ease"]
    labels = [model["label"] for model in document["study"]["models"]]
    assert labels == ["None", "timestamp", "popularity", "EASE"]
    assert Path(document["runs"][0]["folder"]).is_dir()
    assert set(document["runs"][0]["record"]["test"]["unseen"]) == {"1", "5", "10", "50", "100"}
    page = tmp_path / "out" / "plot.html"
    assert (document["page"], opened) == (str(page), [page.as_uri()])
    user = document["recommendations"]
    assert [model["feature_set"] for model in user["models"]] == [[], ["timestamp"]]
    seen = {movie["movie_id"] for movie in user["rated"]}
    assert (user["user_id"], seen) == (3, movies_rated_by(3))
    for model in user["models"]:
        recommended = {movie["movie_id"] for movie in model["movies"]}
        assert len(recommended) == 10 and not recommended & seen


def test_movies_are_recommended_on_request_seen_ones_too() -> None:
    assert json.loads(run("train --json").stdout)["recommendations"] is None
    result = run("train --json --generate_recommendations_for_user 20 --include-seen")
    models = json.loads(result.stdout)["recommendations"]["models"]
    recommended = {movie["movie_id"] for model in models for movie in model["movies"]}
    assert recommended & movies_rated_by(20)


def test_progress_goes_to_stderr_and_quiet_leaves_only_warnings() -> None:
    line = "train --additional_feature_sets timestamp --baselines None"
    loud, quiet = run(f"{line} --retrain"), run(f"{line} --quiet")
    assert "[1/1] timestamp: 20 epochs, 4.0 s of training" in words(loud.stderr)
    assert "20 epochs" not in loud.stdout
    assert words(quiet.stderr) == "Warning: the checksum of small.zip is not the published one"
    assert "loaded" in run(line).stderr


def test_a_split_that_tests_newcomers_only_is_told_before_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Users come one after another, so the last ratings of all are by users who have no others."""
    dataset = small_dataset()
    ratings = dataset.ratings
    one_by_one = replace(ratings, timestamp=ratings.user_index * 10**6 + ratings.timestamp % 10**6)
    newcomers = replace(dataset, ratings=one_by_one)
    monkeypatch.setattr(loading, "load_dataset", lambda *_, **__: newcomers)
    last_25 = "train --split temporal --test_fraction 0.08"
    check_row(f"1 | {last_25} | users of the test set has a rating in training")


def test_ctrl_c_ends_with_130_a_short_message_and_complete_runs(tmp_path: Path) -> None:
    fake_trainer.interrupt_after.append(1)
    result = run("train --additional_feature_sets None --additional_feature_sets timestamp")
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert len(list((tmp_path / "saved_models").iterdir())) == 1
    assert not (tmp_path / "movierec.html").exists()


REFUSED = """
2 | train --top_k 40 5000 | --top_k is 40 5000, but the catalogue has 40 movies
2 | train --saved_models_dir file.txt | 'file.txt' is a file; name a folder
1 | train --k_core 30 | --k_core 30 leaves none of the 310 ratings
1 | train --min_rating 6 | --min_rating 6 leaves none of 310 ratings; the highest is 5
1 | train --generate_recommendations_for_user 99 | no user 99 | ids 1 to 20
1 | train --plot folder | cannot be written to folder: it is a folder; name a file such as
1 | train --split temporal --test_fraction 0.999 | the train part would be empty
2 | train --retrian | --retrian | --retrain
2 | --retrian | --retrian | --retrain
2 | train --additional_feature_sets | --additional_feature_sets | one value or more
2 | train --additional_feature_sets --retrain | --additional_feature_sets | '--retrain' follows
2 | train --additional_feature_sets colour | unknown feature 'colour' | movie_genres
2 | train --additional_feature_sets None timestamp | cannot stand with others
2 | train --layer_sizes abc | 'abc' | 64 32
2 | train --layer_sizes 64 -32 | (64, -32) | 1 or more
2 | train --learning-rate -0.1 | --learning_rate | -0.1 | above 0
2 | train --num_epochs many | --num_epochs | many
2 | train --metric auc | --metric is 'auc' | recall@K
2 | train --metric recall@40 | the catalogue has 40 movies
2 | train --monitor loss | --monitor loss needs | --monitor ndcg@10
2 | train --monitor ndcg@10 --tasks retrieval rating --retrieval_weight 0 | --monitor ndcg@10 is of rankings
2 | train --loss hinge | --loss | hinge | in-batch
2 | train --test_fraction 1.5 | --test_fraction | 1.5
2 | train --jobs 0 | --jobs is 0; it must be 1 to 256
2 | train --seeds 0 | --seeds is 0 | 1 to 1,000
2 | train --seeds 300 | 5 feature sets × 1 weights × 300 seeds are 1,500 trainings
2 | train --seed -1 | --seed is -1 | 0
2 | train --seed 4294967296 | --seed is 4294967296 | 0 to 2147483646
2 | train --baselines foo | unknown baseline 'foo'; known: popularity, recent-popularity, item-knn, ials, \
ease, all, None
2 | train --baselines ease,two-tower | unknown baseline 'two-tower'
2 | train --baselines all ease | --baselines is 'all ease'; 'all' cannot stand with others
2 | train --baselines ease None | --baselines is 'ease None'; 'None' cannot stand with others
2 | train --top_k 10 -3 | --top_k has -3; each must be 1 to 1,000,000
2 | train --top_k 1 1000001 | --top_k has 1000001; each must be 1 to 1,000,000
2 | train --split sideways | --split | sideways | temporal
2 | train --targets successive | --targets successive | needs --split temporal; the split is random
2 | train --family sasrec --targets successive | needs --split temporal; the split is leave-last
2 | train --device gpu | --device gpu is for models of sequences
2 | train --family sasrec --device cpu --processes 2 | --device cpu is for a model that one process trains
2 | train --family sasrec --device tpu | --device | tpu | auto
2 | train --precision float32 | --precision has no meaning | --family sasrec
2 | train --split temporal --targets next | --targets | next | successive
2 | data split --dataset 100k --split temporal --targets successive --output s | is how ratings are asked for
2 | train --weighting root --loss in-batch | --weighting root needs --loss catalogue
2 | train --k_core -1 | --k_core is -1
2 | train --archive --json | --archive | needs a value
2 | train extra | extra
2 | tarin | tarin | train
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_cannot_work_is_told_before_the_training(row: str) -> None:
    Path("file.txt").write_text("")
    Path("folder").mkdir()
    check_row(row)
