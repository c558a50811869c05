"""Packages of one's own, as they lie on the path when they are installed."""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import entry_points
from movierec_cli.models import feature_encodings

Install = Callable[..., Path]
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "movierec-example"


def watched() -> str:
    """Forty people who watch fifteen of sixty films, most of which are of the decade that they like."""
    generator, lines = np.random.default_rng(1), []
    for user in range(40):
        weights = np.where(np.arange(60) % 3 == user % 3, 5.0, 1.0)
        for film in generator.choice(60, 15, replace=False, p=weights / weights.sum()):
            day, minute = generator.integers(1, 29), generator.integers(60)
            title = f"Film {film} ({1965 + 10 * (film % 3)})"
            lines.append(f"2026-03-{day:02d} 20:{minute:02d}:00|user{user}|{title}|{60 + minute}")
    return "\n".join(lines)


def forget() -> None:
    """What is known of the path, which a process looks at once."""
    entry_points.declared.cache_clear()
    entry_points._any_is_installed.cache_clear()
    feature_encodings._encoding.cache_clear()


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    entries: Mapping[str, Mapping[str, str]],
    version: str = "1.0",
    **modules: str,
) -> Path:
    """Puts a package on the path.

    Args:
        folder: where it is written.
        monkeypatch: takes it from the path again.
        package: its name.
        entries: by group without "movierec." and name, the object.
        version: of the package.
        modules: their sources, by name.
    """
    place = folder / f"{package}-{version}"
    info = place / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = [
        line
        for group, named in entries.items()
        for line in (f"[movierec.{group}]", *(f"{name} = {target}" for name, target in named.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for name, source in modules.items():
        (place / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(place)
    forget()
    return place


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """own_package("shop", {"metrics": {"hit": "shop:HIT"}}, shop="HIT = 1") installs one for a test."""
    yield functools.partial(install, tmp_path / "path", monkeypatch)
    monkeypatch.undo()
    forget()
