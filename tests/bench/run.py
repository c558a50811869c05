"""`make bench`: this project against its references, both measured in one run, as ratios.

    python tests/bench/run.py [NAME ...] [--data DIR]

Absolute times depend on the machine and its neighbours; the ratio of two measured side by side does less.
The MovieLens archives (ml-1m.zip, ml-100k.zip) are looked for in --data, then ../shared/data, then datasets/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import accuracy, baselines, epoch, lengths, processes, ranking, ratings, temporal  # noqa: E402
from tests.bench.rows import Archives, Row  # noqa: E402

SECTIONS: dict[str, Callable[[Archives], list[Row]]] = {
    "help": processes.measure_help,
    "sample": processes.measure_sample,
    "columns": processes.measure_columns,
    "lengths": lengths.measure_lengths,
    "epoch": epoch.measure_epoch,
    "ranking": ranking.measure_ranking,
    "baselines": baselines.measure_baselines,
    "accuracy": accuracy.measure_accuracy,
    "ratings": ratings.measure_ratings,
    "tasks": ratings.measure_tasks,
    "temporal": temporal.measure_temporal,
    "command": processes.measure_command,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--data", type=Path, help="folder of the archives")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    folders = [arguments.data] if arguments.data else [ROOT.parent / "shared" / "data", ROOT / "datasets"]
    archives = Archives(tuple(folder for folder in folders if folder is not None))
    print("| what | measured | bar | reference, same run | ratio |\n|---|---|---|---|---|", flush=True)
    for name, measure in SECTIONS.items():
        if not arguments.names or name in arguments.names:
            for row in measure(archives):
                print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
