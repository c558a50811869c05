"""What is in the wheel and in the source distribution."""

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from movierec_cli import __version__
from tests.packaging.distributions import ROOT, built_sdist, built_wheel, tracked_files

PACKAGE = "movierec_cli/"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_sdist(tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Made of the source distribution, as an installer does that finds no wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return zipfile.ZipFile(built_wheel(folder / "built", source))


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {name for name in tracked_files() if name.startswith(PACKAGE)}
    wanted = {".py": 200, ".csv": 1, ".css": 1, ".html": 1, ".js": 1, ".typed": 1}
    assert all(sum(name.endswith(end) for name in names) >= n for end, n in wanted.items())


def test_the_wheel_installs_the_program(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "movierec = movierec_cli.cli.program:main" in wheel.read(entry_points).decode()
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    text = wheel.read(metadata).decode()
    assert f"\nVersion: {__version__}\n" in text and "\nLicense-Expression: Apache-2.0\n" in text
    assert {"cluster", "mlflow", "onnx", "ratings", "sequences", "tensorboard", "tune"} <= set(
        re.findall(r"\nProvides-Extra: (\S+)", text)
    )


def test_the_source_distribution_has_no_tests_and_what_an_installation_by_hash_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "requirements.txt", "requirements-light.txt"} <= names
    assert not {name.partition("/")[0] for name in names} & {"tests", "docs", "site", ".ci"}


def test_the_version_is_semantic_and_the_changelog_ends_with_it() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+|\.dev\d+)?", __version__)
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(\S+)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    released = [tuple(map(int, version.split("."))) for version, _ in headings[1:]]
    assert released == sorted(released, reverse=True) and all(date for _, date in headings[1:])
    base = tuple(map(int, re.findall(r"\d+", __version__)[:3]))
    assert not released or base >= released[0], "a released version is not used again"
