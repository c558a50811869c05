"""What is installed is pinned, with the hashes of its files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ("requirements.txt", "requirements-test-all.txt")
ENTRY = re.compile(r"([a-z0-9.-]+)==(\S+)( \\\n    --hash=sha256:[0-9a-f]{64})+")


def pins(file: str) -> dict[str, str]:
    """Versions by name; a line that is neither a comment nor of a pinned version with hashes fails."""
    lines = [line for line in (ROOT / file).read_text("utf-8").splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?! )", "\n".join(lines))
    found = [ENTRY.fullmatch(entry) for entry in entries]
    assert None not in found, entries[found.index(None)]
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_one_version_with_the_hashes_of_its_files_and_no_address(file: str) -> None:
    assert len(pins(file)) > 30
    assert "://" not in (ROOT / file).read_text("utf-8")


def test_the_files_agree_where_a_package_is_in_both() -> None:
    first, second = map(pins, FILES)
    both = first.keys() & second.keys()
    assert {"numpy", "scipy"} <= both
    assert {name: first[name] for name in both} == {name: second[name] for name in both}


def test_make_installs_from_them_by_hash_alone() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "(PIP_INSTALL)" in line]
    assert all(
        "--require-hashes" in line or line.endswith("--no-deps --no-build-isolation --editable .")
        for line in lines
    )
    assert all(any(f"--requirement {file}" in line for line in lines) for file in FILES)
