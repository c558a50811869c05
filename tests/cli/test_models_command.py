import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from movierec_cli.config import Family
from movierec_cli.evaluation.ratings import RatingErrors
from movierec_cli.registry.record import run_name
from movierec_cli.registry.store import Run
from tests.cli.running import check_row, rows, run, words
from tests.saved_runs import (
    judged_run,
    multi_task_config,
    rating_baseline_run,
    run_artifacts,
    run_record,
    save_run,
    sequence_config,
)
from tests.small_dataset import small_dataset

models = partial(run, "models", width=200)


@pytest.fixture
def saved(own_folder: Path) -> list[Run]:
    (own_folder / "saved_models" / "foreign").mkdir(parents=True)
    return [
        save_run(own_folder / "saved_models", run_record(*names), run_artifacts())
        for names in ((), ("timestamp",))
    ]


def test_models_are_listed_and_foreign_folders_named(saved: list[Run]) -> None:
    result = models("list")
    assert result.exit_code == 0
    for model in saved:
        assert model.record.name in result.stdout
    assert "0.4000" in result.stdout
    assert "foreign" in result.stderr and "RMSE" not in result.stdout
    document = json.loads(models("list", "--json").stdout)
    assert [item["record"]["name"] for item in document["runs"]] == [model.record.name for model in saved]
    assert [Path(item["folder"]).name for item in document["problems"]] == ["foreign"]


@pytest.fixture
def rated(saved: list[Run]) -> list[Run]:
    """A model with two tasks, and a baseline of one of them."""
    directory, dataset = saved[0].folder.parent, small_dataset()
    return [
        judged_run(directory, dataset, multi_task_config()),
        rating_baseline_run(directory, dataset, Family.GLOBAL_MEAN),
    ]


def test_what_predicts_ratings_has_its_error_listed_and_what_does_not_a_blank(rated: list[Run]) -> None:
    lines = models("list").stdout.splitlines()
    assert "RMSE" in lines[1]
    for model in rated:
        (line,) = (line for line in lines if model.record.name in line)
        assert model.record.ratings is not None
        assert f"{model.record.ratings.rmse:.4f}" in line
    (line,) = (line for line in lines if rated[1].record.name in line)
    assert len(re.findall(r"\d\.\d{4}", line)) == 1


def test_a_run_is_shown_with_what_it_is_judged_by(rated: list[Run]) -> None:
    multi_task, baseline = (models("show", one.record.name).stdout for one in rated)
    errors, mean_errors = (one.record.ratings for one in rated)
    assert errors is not None and mean_errors is not None
    for text in ("retrieval × 1, rating × 0.3", f"RMSE {errors.rmse:.4f}", "top-100"):
        assert text in multi_task
    assert f"MAE {mean_errors.mae:.4f}" in baseline
    assert "top-" not in baseline and "accuracy" not in baseline


def test_validations_with_ratings_show_their_error(saved: list[Run]) -> None:
    record = run_record()
    history = tuple(
        replace(one, ratings=RatingErrors(rmse=0.9 + one.epoch, mae=1.0)) for one in record.history
    )
    save_run(saved[0].folder.parent, replace(record, history=history), run_artifacts())
    shown = models("show", record.name).stdout
    assert all(f"{one.epoch + 0.9:.4f}" in shown for one in history)


def test_an_empty_folder_says_how_to_train(tmp_path: Path) -> None:
    result = models("list", "--saved-models-dir", str(tmp_path / "none"))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "movierec train" in result.stderr


def test_one_model_is_shown_by_the_beginning_of_its_name(saved: list[Run]) -> None:
    result = models("show", "1m-time")
    assert result.exit_code == 0, result.output
    for text in (saved[1].record.data.fingerprint, "2.21.0", "learning_rate", "6.5000"):
        assert text in result.stdout
    assert json.loads(models("show", "1m-time", "--json").stdout)["record"]["name"] == saved[1].record.name


REFUSED = """
1 | models show 1m- | 2 models
1 | models show x | no saved model 'x' | 1m-none
1 | models remove 1m-none | 1m-none
1 | models remove foreign | left alone
"""


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_is_not_one_model_is_refused(row: str) -> None:
    check_row(row)


def test_models_are_removed_by_full_name(saved: list[Run]) -> None:
    assert models("remove", saved[0].record.name, saved[1].record.name).exit_code == 0
    assert [path.name for path in saved[0].folder.parent.iterdir()] == ["foreign"]


def test_a_model_of_sequences_shows_its_own_settings_and_how_its_ndcg_went(own_folder: Path) -> None:
    config = sequence_config("movie_genres", family=Family.GRU4REC)
    record = run_record(config=config)
    history = tuple(replace(epoch, ndcg=epoch.epoch / 80, validation_loss=6.5) for epoch in record.history)
    record = replace(record, name=run_name(config, record.data), history=history)
    save_run(own_folder / "saved_models", record, run_artifacts())
    text = words(models("show", record.name).stdout)
    assert "GRU4Rec + movie_genres" in text and "family GRU4Rec" in text
    assert config.model is not None
    assert f"max_length {config.model.max_length}" in text
    assert f"hidden_size {config.model.hidden_size}" in text
    assert not any(name in text for name in ("num_heads", "layer_sizes", "weighting", "num_negatives"))
    assert "ndcg@10 validation loss" in text and "0.1875 6.5000" in text
