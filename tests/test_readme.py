"""What the README and the pages that its chapters became tell a reader to type, works."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from movierec_cli.cli.app import app
from movierec_cli.data import datasets_folder, load
from movierec_cli.data.dataset import Dataset
from tests.all_tests import ALL_TESTS, needs
from tests.cli import fake_trainer
from tests.docs.pages import commands_of
from tests.saved_runs import judged_run, multi_task_config, run_config, sequence_config
from tests.small_dataset import small_dataset

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHAPTERS = (
    *("train", "recommend", "export", "python", "watch-a-training", "does-a-feature-help", "two-tasks"),
    *("next-movie", "presets", "data", "models", "read-a-report", "cold-items", "protocols"),
)
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in CHAPTERS)]
OF_ITS_FILES = "--split u1"  # MovieLens 100K's own, which no other data have
COMMANDS = [
    *dict.fromkeys(one for page in PAGES for one in commands_of(page) if OF_ITS_FILES not in one),
]
PROGRAMS = [
    program
    for page in PAGES
    for program in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]
TARGETS = sorted({word for line in re.findall(r"make [a-z -]+", README) for word in line.split()[1:2]})


FILMS = (
    "Dances with Wolves (1990)",
    "Star Wars (1977)",
    "Alien (1979)",
    "Blade Runner (1982)",
    "Twelve Monkeys (1995)",
    "Jurassic Park (1993)",
)


def dataset_of(name: str) -> Dataset:
    """The small data set with the films that the README asks for."""
    dataset = small_dataset(name)
    titles = dataset.movies.title.copy()
    titles[: len(FILMS)] = FILMS
    return replace(dataset, movies=replace(dataset.movies, title=titles))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three saved models, to be copied."""
    folder = tmp_path_factory.mktemp("models")
    for config in (run_config(), run_config("timestamp"), multi_task_config("movie_genres")):
        judged_run(folder, dataset_of("1m"), config)
    return folder


@pytest.fixture
def _world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: Path) -> None:
    """A trainer that takes no time, archives that need no network, and three saved models."""
    stored = datasets_folder.StoredArchive("100k", Path("datasets/x.zip"), "f", 1, 1, 1)
    fake_trainer.install(monkeypatch)
    monkeypatch.setattr(load, "load_dataset", lambda data, **_: dataset_of(data.dataset))
    monkeypatch.setattr(datasets_folder, "fetch_source", lambda *_, **__: stored)
    monkeypatch.setattr(datasets_folder, "import_archive", lambda *_, **__: stored)
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "demo"):
        shutil.copytree(models, folder / "saved_models")
    Path("study.toml").write_text('dataset = "sample"\nseeds = 2\n', encoding="utf-8")


@pytest.fixture
def _sequences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A saved model of sequences without its network; it has a split of its own."""
    judged_run(tmp_path / "saved_models", dataset_of("1m"), sequence_config())
    serving = ModuleType("serving")
    serving.state_after = lambda run, rows, seconds, query_s: (  # type: ignore[attr-defined]
        run.artifacts.movie_embeddings[rows].sum(axis=0)
    )
    monkeypatch.setitem(sys.modules, "movierec_cli.scoring.sequence_states", serving)


@pytest.mark.usefixtures("_world")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_works(command: str, request: pytest.FixtureRequest) -> None:
    if command.startswith("movierec tune"):
        needs("optuna")
    if "--watched" in command:
        request.getfixturevalue("_sequences")
    (saved,) = Path("saved_models").glob("1m-timestamp-*")
    args: list[Any] = shlex.split(command.replace("NAME", saved.name))[1:]
    result = CliRunner().invoke(app, args, prog_name="movierec")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("number", [0, 1])
def test_the_programs_of_the_readme_give_recommendations(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = PROGRAMS[number]
    assert len([line for line in program.splitlines() if line.strip()]) <= 5
    if "pandas" in program and not ALL_TESTS:
        pytest.importorskip("pandas")
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    rows = [
        f"{user},{(place * 7 + len(user)) % 40},{place % 5 + 1}" for user in LISTENERS for place in range(20)
    ]
    Path("ratings.csv").write_text("\n".join(["listener,item,rating", *rows]), encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    assert namespace["frame"].columns[:4] == ["user", "place", "movie_id", "title"]
    assert len(namespace["frame"]) == 10


def test_the_observer_of_the_readme_observes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS[2]
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    assert isinstance(namespace["trainer"]._observer, namespace["Losses"])
    assert len(namespace["trainer"].run().runs) == 3


LISTENERS = ("ann", "bo", "carol", "dave", "ellen-1")


@pytest.mark.parametrize("target", [*TARGETS, "clean", "fmt", "lint", "type", "bench"])
def test_every_make_target_exists(target: str) -> None:
    made = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_the_readme_shows_the_main_parts() -> None:
    assert len(COMMANDS) >= 50 and len(PROGRAMS) == 3
    assert len(commands_of(ROOT / "README.md")) == 3
    assert {"demo", "test", "install", "help", "docs"} <= set(TARGETS)


def test_the_examples_of_the_page_on_own_data_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
    (script,), (program,) = (
        re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("sh", "python")
    )
    files, _, command = script.partition("movierec ")
    subprocess.run(["sh", "-c", files], check=True)
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0 and "movierec train --archive songs --columns user=listener" in result.stdout
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    assert namespace["dataset"].movies.movie_id.tolist() == [7, 8]
