"""Searching from Python, with trials that take no time: the same as the command, and frames."""

import doctest
import json
from pathlib import Path

import polars as pl
import pytest

from movierec_cli import MovierecError, tune
from movierec_cli.api import tuning
from movierec_cli.errors import UsageError
from tests.all_tests import needs
from tests.cli.running import run
from tests.experiment.quick_trials import Fits, install

needs("optuna")


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    return install(monkeypatch)


def test_keywords_search_as_the_command_does(fits: Fits, tmp_path: Path) -> None:
    space = {"dropout": "0..0.5", "embedding_size": [4, 8]}
    found = tune("100k", trials=4, seeds=2, finalists=1, space=space, saved_models_dir=tmp_path / "a")
    typed = (
        "tune --dataset 100k --trials 4 --seeds 2 --finalists 1 --space dropout=0..0.5 embedding_size=4,8"
        f" --saved_models_dir {tmp_path / 'b'} --output {tmp_path / 'page.html'} --json --quiet"
    )
    document = json.loads(run(typed).stdout)
    assert list(found.answer) == document["answer"]
    assert found.trials()["score"].to_list() == [one["score"] for one in document["searches"][0]["trials"]]
    assert [one.name for one in found.runs] == document["runs"] and found.best is found.runs[0]
    assert found.options["seeds"] == 2 and {"dropout", "embedding_size"} <= set(found.trials().columns)
    assert found.answer[0] in found._repr_html_() and "<table" in found._repr_html_()
    found.write_config(tmp_path / "winner.toml")
    assert "dropout" in (tmp_path / "winner.toml").read_text("utf-8")
    assert found.write_page(tmp_path / "own.html").read_text("utf-8").startswith("<!doctype html>")


def test_frames_are_searched_on(fits: Fits, tmp_path: Path) -> None:
    rows = [(f"u{user}", f"i{(user + turn) % 9}", turn % 5 + 1) for user in range(12) for turn in range(6)]
    frame = pl.DataFrame(rows, ["user", "item", "rating"], orient="row")
    found = tune(frame, name="shop", trials=2, seeds=1, metric="recall@5", saved_models_dir=tmp_path)
    assert found.best.record.data.name == "shop" and found.tuned.command == ""
    with pytest.raises(UsageError, match="data frames cannot be written as options"):
        tune(frame, write_config=tmp_path / "x.toml", saved_models_dir=tmp_path)
    with pytest.raises(UsageError, match="No such option: --trails"):
        tune("sample", trails=3)  # type: ignore[call-arg]


def test_a_config_is_begun_with_and_what_is_wrong_is_said(fits: Fits, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('dataset = "100k"\ndropout = 0.1\n', "utf-8")
    found = tune(config=file, space={"dropout": "0..0.5"}, trials=1, seeds=1, saved_models_dir=tmp_path)
    assert found.trials()["dropout"].to_list() == [0.1]
    file.write_text("deploy = true\n", "utf-8")
    with pytest.raises(MovierecError, match="--deploy is not for tune"):
        tune(config=file, saved_models_dir=tmp_path)


def test_the_examples_of_the_documentation_work(fits: Fits, tmp_path: Path) -> None:
    tuned = tune("sample", trials=2, seeds=1, saved_models_dir=tmp_path)
    found = doctest.testmod(tuning, extraglobs={"tuned": tuned, "saved_models_dir": tmp_path})
    assert found.failed == 0 and found.attempted >= 3
