"""Searches from spoiled and from good defaults, and one that is killed at random moments.

    python tests/bench/tuning.py [spoiled] [good] [killed] [--trials N] [--kills N] [--data DIR]

`spoiled` begins with ten times the learning rate and no dropout, `good` with the defaults, both on MovieLens
100K; they print the answer. `killed` compares the trials of a search on the sample that is killed (kill -9)
with those of one that is not. Searches go on where they were; the first two take a third of an hour each.
`tests/experiment/test_tune.py` has small twins of all three.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from movierec_cli.cli.program import main as movierec  # noqa: E402
from tests.soak.forked import import_what_is_heavy  # noqa: E402

SPOILED = ["--learning_rate", "0.1", "--dropout", "0", "--space", "learning_rate", "dropout"]
QUICK = [
    *(
        "--dataset",
        "sample",
        "--num_epochs",
        "10",
        "--validation_freq",
        "1",
        "--finalists",
        "1",
        "--seeds",
        "1",
    ),
    *("--space", "embedding_size=4,8,16", "layer_sizes=4,8,16"),
]
"""A search whose trials take a second: what is compared are the trials in their order."""


def started(options: argparse.Namespace, models: Path, more: list[str], output: Path) -> int:
    """The process of a search, a fork of this one, which has imported what is heavy."""
    command = ["movierec", "tune", "--json", "--quiet", "--datasets_dir", str(options.models / "datasets")]
    command += ["--saved_models_dir", str(models), "--output", str(options.models / "page.html")]
    command += ["--trials", str(options.trials), *more]
    if (process := os.fork()) == 0:
        with output.open("w") as file:
            os.dup2(file.fileno(), 1)
            sys.argv = command
            code: Any = 1
            try:
                movierec()
            except SystemExit as end:
                code = end.code
            finally:
                sys.stdout.flush()
                os._exit(code if isinstance(code, int) else 0)
    return process


def ended(process: int) -> int:
    """Waits for its end; the exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def search(options: argparse.Namespace, name: str, more: list[str]) -> dict[str, Any]:
    output = options.models / f"{name}.json"
    if ended(started(options, options.models / name, more, output)):
        raise SystemExit(f"{name}: the search failed")
    found: dict[str, Any] = json.loads(output.read_text("utf-8"))
    return found


def told(document: dict[str, Any]) -> list[Any]:
    """The trials without their seconds."""
    (one,) = document["searches"]
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in one["trials"]]


def from_defaults(options: argparse.Namespace, name: str) -> None:
    own = ["--archive", str(options.data / "ml-100k.zip"), *(SPOILED if name == "spoiled" else [])]
    document = search(options, name, own)
    trials = document["searches"][0]["trials"]
    counts = Counter(one["state"] for one in trials)
    print(f"{name}: {dict(counts)}, {sum(one['seconds'] for one in trials):.0f} s of trials")
    print(*document["answer"], document["command"], sep="\n  ")


def killed(options: argparse.Namespace) -> None:
    began = time.monotonic()
    whole = told(search(options, "whole", QUICK))
    whole_s, rng, name = time.monotonic() - began, random.Random(options.seed), f"killed-{options.seed}"
    folder, output = options.models / name, options.models / "killed.json"
    for kill in range(1, options.kills + 1):
        process = started(options, folder, QUICK, output)
        time.sleep(rng.uniform(0.08, 0.28) * whole_s)
        os.kill(process, signal.SIGKILL)
        if ended(process) != -signal.SIGKILL:
            raise SystemExit("the search was over before it was killed")
        journals = list((folder / ".tuning").glob("*.journal"))
        n_trials = sum(one.read_bytes().count(b"intermediate_values") for one in journals)
        print(f"killed: kill {kill} after {n_trials} trials", flush=True)
    document = search(options, name, QUICK)
    states, same = Counter(one["state"] for one in whole), told(document) == whole
    print(f"killed: {options.kills} kills, {dict(states)}: {'equal' if same else 'DIFFERENT'} trials")
    if not same:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all three")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="archive's folder")
    parser.add_argument("--models", type=Path, default=Path("tuning-bench"), help="where searches are kept")
    options = parser.parse_args()
    options.models = options.models.absolute()
    options.models.mkdir(parents=True, exist_ok=True)
    import_what_is_heavy()
    for name in options.names or ["spoiled", "good", "killed"]:
        killed(options) if name == "killed" else from_defaults(options, name)


if __name__ == "__main__":
    main()
