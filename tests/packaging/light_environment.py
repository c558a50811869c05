"""Uses saved models in an environment of requirements-light.txt, and tells its size. `make check-light`."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.packaging.distributions import built_wheel
from tests.packaging.light_use import LACKS, WORKS, save_a_model

ROOT = Path(__file__).resolve().parents[2]
LARGEST_MB = 120


def main() -> None:
    """Exits with 1 where a command does not do what it should, or the environment is too large."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel, saved = built_wheel(folder / "wheel"), save_a_model(folder)
        environment = folder / "environment"
        program = _installed(environment, wheel)
        problems = [*_problems(program, folder, saved)]
        size_mb = sum(file.lstat().st_size for file in environment.rglob("*")) / 1e6
    if size_mb > LARGEST_MB:
        problems.append(f"the environment is larger than {LARGEST_MB} MB")
    print(f"{len(WORKS) + len(LACKS)} commands; the environment has {size_mb:.1f} MB")
    sys.exit("\n".join(problems) or None)


def _installed(environment: Path, wheel: Path) -> Path:
    """Installs as docs/install.md says, with the pip of this environment."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "--quiet", "install"]
    light = ["--require-hashes", "--requirement", str(ROOT / "requirements-light.txt")]
    for what in (light, ["--no-deps", "--no-index", str(wheel)]):
        subprocess.run([*pip, *what], check=True)
    return environment / ("Scripts" if sys.platform == "win32" else "bin") / "movierec"


def _problems(program: Path, folder: Path, saved: str) -> list[str]:
    problems = []
    works, lacks = ((line, 0, "") for line in WORKS), ((line, 1, said) for line, said in LACKS.items())
    for line, code, said in (*works, *lacks):
        command = [str(program), *shlex.split(line.replace("NAME", saved))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output = " ".join((done.stdout + done.stderr).split())
        if done.returncode != code or said not in output:
            problems.append(f"{line}: exit code {done.returncode}, {output[-500:]}")
    return problems


if __name__ == "__main__":
    main()
