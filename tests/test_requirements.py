"""What is installed is pinned, with the hashes of its files."""

import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ("requirements.txt", *(f"requirements-{name}.txt" for name in ("dev", "docs", "light", "test-all")))
ENTRY = re.compile(r"([a-z0-9.-]+)==([^ ;]+)( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+")


def pins(file: str) -> dict[tuple[str, str], str]:
    """Versions by name and marker; a line that is neither a comment nor a version with hashes fails."""
    lines = [line for line in (ROOT / file).read_text("utf-8").splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?! )", "\n".join(lines))
    found = [ENTRY.fullmatch(entry) for entry in entries]
    assert None not in found, entries[found.index(None)]
    return {(match[1], match[3] or ""): match[2] for match in found if match}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_one_version_with_the_hashes_of_its_files_and_no_address(file: str) -> None:
    assert len(pins(file)) > 10
    assert "://" not in (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize("pair", list(itertools.combinations(FILES, 2)), ids=" and ".join)
def test_the_files_agree_where_a_package_is_in_both(pair: tuple[str, str]) -> None:
    first, second = map(pins, pair)
    both = first.keys() & second.keys()
    assert both and {name: first[name] for name in both} == {name: second[name] for name in both}


def test_users_need_nothing_of_the_developers() -> None:
    users, light, developers = (
        {name for name, _ in pins(file)}
        for file in ("requirements.txt", "requirements-light.txt", "requirements-dev.txt")
    )
    assert light < users < developers
    assert not users & {"pytest", "mypy", "ruff", "uv", "jax", "tensorboard", "onnx"}
    assert {"tensorflow", "tf-keras", "polars", "scipy"} <= users - light


def test_make_installs_from_them_by_hash_alone() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "(PIP_INSTALL)" in line]
    assert all(
        "--require-hashes" in line or line.endswith("--no-deps --no-build-isolation --editable .")
        for line in lines
    )
    others = [file for file in FILES if file != "requirements-light.txt"]  # which is for users alone
    assert all(any(f"--requirement {file}" in line for line in lines) for file in others)
    assert "requirements-light.txt" in (ROOT / "tests/packaging/light_environment.py").read_text("utf-8")
