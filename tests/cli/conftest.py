from pathlib import Path

import pytest

from tests.cli import fake_trainer


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fake_trainings(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where trainings take no time."""
    fake_trainer.install(monkeypatch)
    return own_folder


@pytest.fixture
def small_1m(own_folder: Path, archive_1m: Path) -> Path:
    """A small ml-1m.zip in that folder, where the program looks for it.

    The movies are "Fílm 1: it (is) (1981)" to "Fílm 15: it (is) (1995)".
    """
    (own_folder / "datasets").mkdir()
    return archive_1m.rename(own_folder / "datasets" / "ml-1m.zip")
