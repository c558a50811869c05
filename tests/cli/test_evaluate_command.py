"""`movierec evaluate` and `movierec report` on saved models of the embedded sample."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from movierec_cli.config import DataConfig, SplitConfig, TrainerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.metrics import metric_values
from movierec_cli.experiment import loading
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.registry.store import Run, list_runs
from tests.cli.running import check_row, completions, rows, run, words
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

SAMPLE = load_dataset(DataConfig(dataset="sample"))


def sample_at_hand(config: DataConfig, **options: Any) -> Dataset:
    """The sample without simulating it anew; other data as ever."""
    return SAMPLE if config == DataConfig(dataset="sample") else load_dataset(config, **options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, one of them with two seeds, and the usual baselines."""
    folder = tmp_path_factory.mktemp("evaluate") / "saved_models"
    for config in (run_config(), run_config("user_tenure"), run_config("user_tenure", seed=43)):
        judged_run(folder, SAMPLE, config)
    RunTrainer(
        TrainerConfig(feature_sets=(), data=DataConfig(dataset="sample"), saved_models_dir=folder)
    ).run()
    return folder


@pytest.fixture(autouse=True)
def _beside_a_copy_of_the_saved_models(
    saved: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_dataset", sample_at_hand)
    shutil.copytree(saved, "saved_models")


def runs_by_label() -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for one in list_runs(Path("saved_models"))[0]:
        found.setdefault(one.record.config.label, []).append(one)
    return found


def test_the_comparison_goes_to_stdout_and_the_progress_to_stderr() -> None:
    result = run("evaluate", width=100)
    assert result.exit_code == 0, result.output
    assert words(result.stderr) == "[1/2] popularity: loaded [2/2] EASE: loaded"
    text = words(result.stdout)
    n_train = len(split_ratings(SAMPLE.ratings, SplitConfig()).train)
    assert text.startswith("On a random split, ") and " is first in ndcg@10" in text
    for part in ("user_tenure × 2 seeds †", "recall@10", "leak time-travel: ", "Remedy: --split temporal"):
        assert part in text
    assert "Below EASE in ndcg@10" in text
    details = (f"random split: train {n_train:,}, validation", "coverage@10")
    assert not any(part in text for part in ("by segment", *details))
    whole = words(run("evaluate --details", width=100).stdout)
    assert all(part in whole for part in details)
    assert run("evaluate --quiet").stderr == ""


def test_the_json_document_has_the_study_and_nothing_else_is_on_stdout() -> None:
    result = run("evaluate --json --top_k 5,20")
    document = json.loads(result.stdout)
    assert set(document) == {
        *("data", "split", "split_summary", "headline", "answer", "warnings", "models", "differences"),
        *("ablation", "segments", "findings", "ratings", "schema_version"),
    }
    assert document["data"]["name"] == "sample"
    assert document["split"]["kind"] == "random"
    assert document["headline"] == "ndcg@10"
    by_label = {one["label"]: one for one in document["models"]}
    runs = runs_by_label()
    assert set(by_label) == {"None", "user_tenure", "popularity", "EASE"} == set(runs)
    for label, model in by_label.items():
        assert set(model) == {"label", "family", "feature_set", "runs", "top_k", "metrics", "beyond"}
        assert sorted(model["runs"]) == sorted(run.record.name for run in runs[label])
        assert set(model["top_k"]["unseen"]) == {"5", "20"}
        for metric, interval in model["metrics"].items():
            values = [np.nan_to_num(metric_values(run.outcome.warm, metric), nan=0.5) for run in runs[label]]
            assert interval["mean"] == pytest.approx(np.mean(values))
            assert interval["low"] <= interval["mean"] <= interval["high"]
    assert len(document["differences"]) == 1 + 2 * 2
    assert [gain["feature"] for gain in document["ablation"]] == ["user_tenure"]
    assert all(len(segment["accuracy"]) == 4 for segment in document["segments"])
    assert {finding["name"] for finding in document["findings"]} >= {"time-travel"}
    of_one = json.loads(run("evaluate sample-none --json --baselines popularity").stdout)
    assert [one["label"] for one in of_one["models"]] == ["None", "popularity"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_tables_and_segments_fit_the_terminal(width: int) -> None:
    result = run("evaluate --quiet --segments --top_k 10", width=width)
    text = words(result.stdout)
    for segment in ("ndcg@10 by segment", "user activity: light", "genre: Drama", "cold: cold users"):
        assert segment in text
    assert "1: None, 2: user_tenure, 3: popularity, 4: EASE" in text
    assert "…" not in result.stdout.replace(" … ", "")
    assert max(map(len, result.stdout.splitlines())) <= max(width, 80)


def test_what_is_left_out_is_said_on_stderr() -> None:
    (Path("saved_models") / "holiday photos").mkdir()
    other = judged_run(Path("saved_models"), small_dataset("films"), run_config())
    result = run("evaluate --dataset sample --json --quiet")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["models"]) == 4
    warned = words(result.stderr)
    assert warned.count("Warning: left out:") == 2
    assert "holiday photos: run.json cannot be read" in warned
    assert f"{other.record.name}: it was trained on a small simulated data set" in warned
    result = run("evaluate", width=100)
    assert result.exit_code == 1
    assert "the saved models are of films, sample; say which with --dataset" in words(result.stderr)


REFUSED = """
2 | evaluate --top_k 507,5000 | --top_k is 507 5000, but the catalogue has 507 movies
2 | evaluate --metric auc | --metric is 'auc'; it takes recall@K, ndcg@K, map@K, mrr@K
2 | evaluate --metric recall@600 | the catalogue has 507 movies
2 | evaluate --test_fraction 1.5 | --test_fraction is 1.5
2 | evaluate --users 1 | --users
1 | evaluate nobody | there is no saved model 'nobody' in saved_models; there are: sample-ease-
1 | evaluate sample- | 'sample-' begins the names of 5 models
1 | evaluate --saved_models_dir none | no model is saved in none; train one first: movierec train
2 | evaluate --dataset 99m | unknown data set '99m'
1 | evaluate --archive none.zip | none.zip
1 | evaluate --min_rating 6 | --min_rating 6 leaves none of
1 | report --users 99999 | there is no user 99999 in 'sample'
1 | report --users me | there is no user me in | no file has this name
1 | report --output saved_models | cannot be written to saved_models: it is a folder; name a file
2 | report --output | --output needs a value
"""


@pytest.mark.parametrize("row", rows(REFUSED))
def test_what_cannot_be_done_is_said_with_the_value(row: str) -> None:
    check_row(row)


def test_what_is_damaged_is_named_and_not_trusted() -> None:
    (folder,) = Path("saved_models").glob("sample-popularity-*")
    (folder / "outcome.npz").write_bytes(b"PK")
    result = run("evaluate", width=300)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{folder}: outcome.npz is damaged" in result.stderr
    for record in Path("saved_models").glob("*/run.json"):
        record.unlink()
    check_row("1 | evaluate | no model is saved in saved_models that can be used | run.json cannot be read")


def test_the_report_of_named_or_typical_users_is_written_and_opens_on_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    result = run("report --users 3 1 -o out/page.html")
    assert result.exit_code == 0, result.output
    page = Path("out/page.html").resolve()
    answer, where = result.stdout.splitlines()
    assert where == f"Report: {page}"
    assert answer.endswith(".") and "ndcg@10" in answer
    html = page.read_text(encoding="utf-8")
    assert "movierec train --dataset sample" in re.sub(r"<[^>]+>", "", html)
    for one in list_runs(Path("saved_models"))[0]:
        assert one.record.name in html
    assert set(re.findall(r"User (\d+)", html)) == {"3", "1"} and opened == []
    assert words(result.stderr) == "[1/2] popularity: loaded [2/2] EASE: loaded"
    typical = run("report --open --quiet --baselines None --top_k 5 10")
    assert (typical.exit_code, typical.stderr) == (0, "")
    page = Path("report.html").resolve()
    assert opened == [page.as_uri()]
    assert len(set(re.findall(r"User (\d+)", page.read_text(encoding="utf-8")))) == 3


def test_names_of_saved_models_are_completed() -> None:
    offered = completions("movierec evaluate sample-u")
    assert sorted(offered) == sorted(run.record.name for run in runs_by_label()["user_tenure"])
