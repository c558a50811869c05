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
