"""The wheel and the source distribution, built from what git has, without network."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = {"tests", "docs", ".git", ".venv"}
_BUILD = "import sys; from setuptools import build_meta; print(build_meta.{}(sys.argv[1]))"


def built_wheel(folder: Path, source: Path | None = None) -> Path:
    """A wheel of the package in a folder.

    Args:
        folder: where it is written.
        source: a folder of the unpacked project; by default this checkout.
    """
    return _built("build_wheel", folder, source)


def built_sdist(folder: Path, source: Path | None = None) -> Path:
    """A source distribution of the package in a folder; arguments as for a wheel."""
    return _built("build_sdist", folder, source)


def _built(what: str, folder: Path, source: Path | None) -> Path:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if source is None:  # a copy: building leaves files behind
        source = _copy(folder / "source")
    command = [sys.executable, "-c", _BUILD.format(what), str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    return folder / done.stdout.split()[-1]


def tracked_files() -> list[str]:
    """What git has of the checkout, or would have: files that it does not ignore."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def _copy(target: Path) -> Path:
    for name in tracked_files():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, file)
    return target
