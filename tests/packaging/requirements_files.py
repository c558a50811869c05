"""Renews the requirements files, and tries each platform: `make requirements`, `make check-platforms`."""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIGHT = ("numpy", "platformdirs", "rich", "threadpoolctl", "typer")
"""Of the dependencies, those that saved models are used with."""
PLATFORMS = ("x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13")
FOR_USERS = ("requirements.txt", "requirements-light.txt")
NOT_FOR_USERS = ("dev", "docs")  # extras

_UV = (sys.executable, "-m", "uv", "pip")
_COMPILE = (
    *(*_UV, "compile", "--quiet", "--universal", "--python-version", PYTHONS[0], "--generate-hashes"),
    *("--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
)
SOURCES_ONLY = ("promise",)
"""What is published as no wheel: pure Python, which TensorFlow Datasets needs, on Linux."""

_WHEELS = ("--only-binary", ":all:", *(word for one in SOURCES_ONLY for word in ("--no-binary", one)))


def project() -> dict[str, Any]:
    """The table of that name in pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def user_extras() -> list[str]:
    """The extras that a user may ask for."""
    return sorted(set(project()["optional-dependencies"]) - set(NOT_FOR_USERS))


def renew(*options: str) -> None:
    """Compiles all files anew, each keeping its head and the versions of those before it.

    Args:
        options: for uv, such as "--upgrade", without which versions stay as they are.
    """
    extras = project()["optional-dependencies"]
    for_all_tests = ["ranx", *extras["mlflow"], *extras["tune"], *extras["cluster"], *extras["serve"]]
    main, dev, every = "requirements.txt", "requirements-dev.txt", "requirements-test-all.txt"
    _compile(main, ["pyproject.toml"], (), *_WHEELS, *options)
    _compile(dev, ["pyproject.toml", "--extra", "dev"], (main,), *options)
    _compile(every, for_all_tests, (dev,), *options)
    _compile("requirements-light.txt", LIGHT, (main,), *_WHEELS, *options)
    _compile("requirements-docs.txt", extras["docs"], (dev, every), *_WHEELS, *options)


def _compile(file: str, wanted: Sequence[str], kept: Sequence[str], *options: str) -> None:
    """Renews one file.

    Args:
        file: its name.
        wanted: pyproject.toml and options for it, or requirements.
        kept: files whose versions it keeps.
        options: for uv.
    """
    before = (ROOT / file).read_text("utf-8")
    head = [line for line in before.splitlines(keepends=True) if line.startswith("#")]
    with tempfile.TemporaryDirectory() as folder:
        made, source = Path(folder, file), Path(folder, "wanted.in")
        made.write_text(before, "utf-8")  # whose versions stay, without --upgrade
        source.write_text("\n".join(wanted), "utf-8")
        sources = wanted if "pyproject.toml" in wanted else [str(source)]
        constraints = [word for one in kept for word in ("--constraint", one)]
        command = [*_COMPILE, *constraints, *options, "--output-file", str(made), *sources]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        (ROOT / file).write_text("".join(head) + made.read_text("utf-8"), "utf-8")


def checks() -> Iterator[tuple[str, list[str]]]:
    """Every platform and Python: what is tried, and the command, which needs the package index."""
    extras = [word for one in user_extras() for word in ("--extra", one)]
    ranges = [*_UV, "compile", "--quiet", *_WHEELS, "pyproject.toml"]
    pinned = [*_UV, "install", "--quiet", "--require-hashes", "--dry-run", *_WHEELS]
    for platform in PLATFORMS:
        for version in PYTHONS:
            where = f"{platform}, Python {version}"
            target = ["--python-platform", platform, "--python-version", version]
            yield f"{where}: pip install .", [*ranges, *target]
            yield f"{where}: pip install .[{','.join(user_extras())}]", [*ranges, *target, *extras]
            for file in FOR_USERS:
                into = ["--target", str(Path(tempfile.gettempdir(), "movierec-platform"))]
                yield f"{where}: {file}", [*pinned, *target, *into, "--requirement", file]


def check_platforms() -> None:
    """Tries to resolve for every platform and Python, from wheels alone. Exits with 1 where one fails."""
    failed = 0
    for what, command in checks():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {what}", flush=True)
        if done.returncode:
            print(done.stderr)
            failed += 1
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    check_platforms() if sys.argv[1:] == ["check"] else renew(*sys.argv[1:])
