"""A cache folder of their own for the tests of movie lengths, and a list to match with."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that tables lie in."""
    monkeypatch.setenv("MOVIEREC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "movie-lengths"


@pytest.fixture
def titles(tmp_path: Path) -> Path:
    path = tmp_path / "title.basics.tsv.gz"
    path.write_bytes(b"a list")
    return path
