"""The example package of docs/plugins.md: installed without a network, checked, used, and taken away."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import Family
from movierec_cli.contract.plugin_check import check_plugin
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import list_runs
from tests.cli.running import run, words
from tests.contract.own_packages import EXAMPLE, forget, watched

ROOT = Path(__file__).resolve().parents[2]
KINDS = {("feature", "decade"), ("family", "rp3beta"), ("metric", "hit_rate"), ("layout", "watch-log")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the example is installed to; built from a copy, as building leaves files."""
    copy, target = (tmp_path_factory.mktemp(name) for name in ("copy", "installed"))
    shutil.copytree(EXAMPLE, copy / "example")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", target, copy / "example"]
    subprocess.run(command, check=True)
    return target


@pytest.fixture(scope="module")
def trained(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder in which one command has used all four, and what it printed."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "home.watchlog").write_text(watched(), encoding="utf-8")
    line = (
        "train --archive home.watchlog --additional_feature_sets decade --baselines rp3beta"
        " --metric hit_rate@10 --num_epochs 2 --json --quiet"
    )
    path = os.pathsep.join(map(str, (installed, ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "movierec_cli", *line.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.fixture
def _on_the_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(installed)
    forget()
    yield
    monkeypatch.undo()
    for name in [one for one in sys.modules if one.partition(".")[0] == "movierec_example"]:
        del sys.modules[name]
    forget()


@pytest.mark.usefixtures("_on_the_path")
def test_it_meets_the_contract() -> None:
    checked = check_plugin("movierec-example")
    assert {(one.kind.value, one.name) for one in checked} == KINDS
    assert [claim for one in checked for claim in one.claims if claim.problem] == []
    result = run("check-plugin decade")
    assert result.exit_code == 0 and "1 entry does all of it" in words(result.output)


def records(folder: Path) -> dict[Family, RunRecord]:
    runs, problems = list_runs(folder / "saved_models")
    assert problems == []
    return {one.record.config.family: one.record for one in runs}


def test_one_command_trains_with_all_four(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, document = trained
    study = document["study"]
    assert study["headline"] == "hit_rate@10"
    assert [one["label"] for one in study["models"]] == ["decade", "RP3beta"]
    for record in records(folder).values():
        assert record.versions["movierec-example"] == "0.1.0"
        assert "watch-log layout of movierec-example 0.1.0" in record.data.description


def test_without_the_package_its_models_still_answer(
    trained: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = trained
    monkeypatch.chdir(folder)
    listed = run("models list")
    assert listed.exit_code == 0
    for entry in ("feature 'decade'", "family 'rp3beta'"):
        package = f"{entry} is in package movierec-example 0.1.0, which is not installed; install it: pip"
        assert f"can be used, and not trained again: {package}" in words(listed.output)
    for record in records(folder).values():
        for options in ("--user user1 --why", "--liked 'Film 3' --why"):
            result = run(f"recommend {options} --model {record.name} --json")
            assert result.exit_code == 0, result.output
        assert run(f"models show {record.name}").exit_code == 0
    assert run("similar 'Film 3' --model home-rp3beta").exit_code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--additional_feature_sets decade", "unknown feature 'decade'"),
        ("--baselines rp3beta", "unknown baseline 'rp3beta'; known: popularity"),
        ("--family rp3beta", "--family is 'rp3beta'; it takes two-tower"),
        ("--metric hit_rate@10", "--metric is 'hit_rate@10'; it takes recall@K"),
    ],
)
def test_without_the_package_its_names_are_refused(line: str, said: str) -> None:
    result = run(f"train --dataset sample {line}")
    assert result.exit_code == 2 and said in words(result.output)
