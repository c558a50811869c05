"""Reads a default training of real data sentence by sentence and column by column.

    python -m tests.bench.verdicts FOLDER 100k 1m

FOLDER holds the archives; trained models and pages are written into it, and used again.
"""

import os
import sys
from pathlib import Path

from tests.cli.test_verdict_agrees import check_training


def main(folder: Path, names: list[str]) -> None:
    os.chdir(folder)
    for name in names:
        n_features = check_training(
            f"train --dataset {name} --datasets_dir . --saved_models_dir saved_models"
        )
        print(f"{name}: every sentence agrees with every column; {n_features} features", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
