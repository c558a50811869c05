"""The commands of the page on people's own ratings, with files as it names them."""

import re
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.registry import store
from tests.cli.running import run
from tests.recommend.export_shapes import LETTERBOXD, SHAPES
from tests.saved_runs import judged_run, multi_task_config, sequence_config
from tests.small_dataset import small_dataset

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "your-ratings.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^movierec (.+)$", PAGE, re.MULTILINE)
TITLES = ("Heat (1995)", "Fargo (1996)", "Alien (1979)", "300 (2006)", "Toy Story (1995)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a model of each kind and the files of the page."""
    home = tmp_path_factory.mktemp("page")
    dataset = small_dataset()
    title = np.array([*TITLES, *dataset.movies.title[len(TITLES) :]], object)
    year = np.array([int(one[-5:-1]) for one in title], np.int16)
    named = replace(dataset, movies=replace(dataset.movies, title=title, year=year))
    for config in (multi_task_config(), sequence_config()):
        saved = judged_run(home / "saved_models", named, config)
        assert saved.record in [one.record for one in store.list_runs(home / "saved_models")[0]]
    with zipfile.ZipFile(home / "letterboxd-you-2026-01-21.zip", "w") as archive:
        for name, text in LETTERBOXD.items():
            archive.writestr(name, text)
    (home / "ratings.csv").write_text(LETTERBOXD["ratings.csv"])
    (home / "watched.csv").write_text(LETTERBOXD["watched.csv"])
    (home / "NetflixViewingHistory.csv").write_text(SHAPES["netflix history"][1])
    return home


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_works(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if "--watched" in command:  # the network's engine is tested elsewhere
        from movierec_cli.recommend import users

        monkeypatch.setattr(users, "_state", lambda run, *_: run.artifacts.user_embeddings[0])
    name, *arguments = shlex.split(command)
    model = [] if "--watched" in command or "predict" in command else ["--model", "small-none-rating"]
    result = run(name, *arguments, *model)
    assert result.exit_code == 0, result.output


def test_every_site_of_the_table_of_layouts_is_on_the_page() -> None:
    from movierec_cli.recommend.export_layouts import LAYOUTS

    sites = {layout.source.partition("'")[0] for layout in LAYOUTS if layout.source.endswith("export")}
    assert sites and all(f"| {site} |" in PAGE for site in sites)
