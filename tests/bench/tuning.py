"""Searches on MovieLens 100K: from spoiled and from good defaults, and one that is killed at random moments.

    python tests/bench/tuning.py [spoiled] [good] [killed] [--trials N] [--kills N] [--data DIR]

`spoiled` begins with ten times the learning rate and no dropout, `good` with the defaults; both print the
answer. `killed` compares the trials of a search that was killed with those of one that was not. Searches go
on where they were; a third of an hour each. `tests/experiment/test_tune.py` has small twins of all three.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SPOILED = ["--learning_rate", "0.1", "--dropout", "0", "--space", "learning_rate", "dropout"]
KILLED = [
    *("--num_epochs", "20", "--embedding_size", "16", "--layer_sizes", "16"),
    *("--finalists", "1", "--seeds", "1"),
]
"""A small model: what is compared are the trials in their order."""


def command(options: argparse.Namespace, models: Path, more: list[str]) -> list[str]:
    page = Path(tempfile.gettempdir(), "movierec-tuning-bench.html")
    return [
        *(sys.executable, "-m", "movierec_cli", "tune", "--json", "--quiet"),
        *("--archive", str(options.data / "ml-100k.zip"), "--datasets_dir", str(options.models / "datasets")),
        *("--saved_models_dir", str(models), "--output", str(page), "--trials", str(options.trials)),
        *more,
    ]


def search(options: argparse.Namespace, models: Path, more: list[str]) -> dict[str, Any]:
    done = subprocess.run(command(options, models, more), cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told(document: dict[str, Any]) -> list[Any]:
    """The trials without their seconds."""
    (one,) = document["searches"]
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in one["trials"]]


def from_defaults(options: argparse.Namespace, name: str) -> None:
    document = search(options, options.models / name, SPOILED if name == "spoiled" else [])
    trials = document["searches"][0]["trials"]
    counts = Counter(one["state"] for one in trials)
    print(f"{name}: {dict(counts)}, {sum(one['seconds'] for one in trials):.0f} s of trials")
    print(*document["answer"], document["command"], sep="\n  ")


def killed(options: argparse.Namespace) -> None:
    whole = told(search(options, options.models / "whole", KILLED))
    folder, rng, kills = options.models / f"killed-{options.seed}", random.Random(options.seed), 0
    while True:
        # Its own session, so that what it has started ends with it.
        process = subprocess.Popen(
            command(options, folder, KILLED), cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
        )
        if kills < options.kills:
            time.sleep(rng.uniform(10, options.longest_s))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
                process.wait()
                journal = next(iter((folder / ".tuning").glob("*.journal")), None)
                lines = journal.read_bytes().count(b'"intermediate_values"') if journal else 0
                print(f"killed: kill {kills}, {lines} trials", flush=True)
                continue
        output, _ = process.communicate()
        if process.returncode == 0:
            break
        raise SystemExit(f"the search ended with {process.returncode}")
    same = told(json.loads(output)) == whole
    print(f"killed: {kills} kills, {len(whole)} trials, {'equal' if same else 'DIFFERENT'}")
    if not same:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", choices=["spoiled", "good", "killed", []], help="default: all")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--longest_s", type=float, default=60, help="between a start and a kill")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="archive's folder")
    parser.add_argument("--models", type=Path, default=Path("tuning-bench"), help="where searches are kept")
    options = parser.parse_args()
    options.models = options.models.absolute()
    for name in options.names or ["spoiled", "good", "killed"]:
        if name == "killed":
            killed(options)
        else:
            from_defaults(options, name)


if __name__ == "__main__":
    main()
