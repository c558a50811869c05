"""Saved models are used with the packages of requirements-light.txt alone."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from movierec_cli.packages import DEPENDENCIES, EXTRAS, module_of
from tests.packaging.light_use import LACKS, WORKS, save_a_model
from tests.packaging.requirements_files import LIGHT, project, user_extras

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import shlex, sys
sys.path[:0] = [{packages!r}, {root!r}]
from movierec_cli.cli.program import main
for line in sys.argv[1:]:
    sys.argv[1:] = shlex.split(line)
    print("BEGIN", line, file=sys.stderr)
    try:
        main()
    except SystemExit as ending:
        print("END", ending.code or 0, file=sys.stderr)
"""


def only(file: str, folder: Path) -> Path:
    """A folder with the packages of a requirements file alone, as links to those installed here."""
    for name in re.findall(r"^([a-z0-9.-]+)==", (ROOT / file).read_text("utf-8"), re.MULTILINE):
        if name == "colorama":  # on Windows
            continue
        for file in importlib.metadata.files(name) or ():
            top, *inner = file.parts
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                place = Path(str(file.locate()))
                (folder / top).symlink_to((place, *place.parents)[len(inner)])
    return folder


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and stderr of each command; one process without site-packages does them all."""
    folder, packages = tmp_path_factory.mktemp("light"), tmp_path_factory.mktemp("packages")
    name = save_a_model(folder)
    only("requirements-light.txt", packages)
    lines = [line.replace("NAME", name) for line in (*WORKS, *LACKS)]
    script = SCRIPT.format(packages=str(packages), root=str(ROOT))
    command = [sys.executable, "-I", "-S", "-c", script, *lines]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    parts = re.findall(r"BEGIN (.*?)\n(.*?)END (\d+)", done.stderr, re.DOTALL)
    assert len(parts) == len(lines), done.stderr[-2000:]
    return {line.replace(name, "NAME"): (int(code), " ".join(text.split())) for line, text, code in parts}


@pytest.mark.parametrize("line", WORKS)
def test_a_light_installation_uses_saved_models(line: str, said: dict[str, tuple[int, str]]) -> None:
    assert said[line][0] == 0, said[line][1]


@pytest.mark.parametrize("line", LACKS)
def test_what_it_lacks_is_said_in_a_sentence(line: str, said: dict[str, tuple[int, str]]) -> None:
    code, text = said[line]
    assert code == 1 and LACKS[line] in text and "should not happen" not in text, text


def test_a_package_that_is_missed_has_its_dependency_or_extra() -> None:
    declared = project()
    names = {re.split(r"[\[<>=;]", one)[0] for one in declared["dependencies"]}
    assert set(DEPENDENCIES) == names - set(LIGHT) | {"keras"}
    of_extras = {
        re.split(r"[\[<>=;]", one)[0]: extra
        for extra in user_extras()
        for one in declared["optional-dependencies"][extra]
    }
    of_extras["mlflow"] = of_extras.pop("mlflow-skinny")
    assert {name: of_extras[name] for name in EXTRAS} == EXTRAS
    assert module_of("scikit-surprise") == "surprise" and module_of("keras-rs") == "keras_rs"
