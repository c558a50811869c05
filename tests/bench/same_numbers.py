"""Whether two trainings gave the same numbers, to the last digit: `same_numbers.py BEFORE.json AFTER.json`.

The files are what `movierec train --json` prints, of this version or of the one before. Compared are every
accuracy, metric, interval and difference of the study, what each run reached in validation and on the test
set, and the recommended movies with their scores. Times and texts are left out.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OF_A_RUN = ("test", "ratings", "settings", "n_parameters", "best_epoch", "epochs_run", "history")
OF_A_STUDY = ("models", "differences", "ablation", "segments", "ratings")


def numbers(document: dict[str, Any]) -> dict[str, float | str]:
    """The numbers of a training, and the labels and ids beside them, by their place in the document."""
    parts = {
        "records": [[run["record"].get(key) for key in OF_A_RUN] for run in document["runs"]],
        "study": [document["study"].get(key) for key in OF_A_STUDY],
        "recommendations": [
            [[movie["movie_id"], movie["score"], movie["stars"]] for movie in model["movies"]]
            for model in (document["recommendations"] or {"models": ()})["models"]
        ],
    }
    return dict(flat(parts, ""))


def flat(value: Any, place: str) -> Iterator[tuple[str, float | str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if not key.endswith("_s") and key not in ("answer", "runs"):
                yield from flat(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from flat(item, f"{place}[{number}]")
    else:
        yield place, value


def main() -> int:
    before, after = (numbers(json.loads(Path(file).read_text("utf-8"))) for file in sys.argv[1:3])
    different = [place for place in before | after if before.get(place, "–") != after.get(place, "–")]
    for place in different[:20]:
        print(f"{place}: {before.get(place, '–')} before, {after.get(place, '–')} after")
    n_numbers = sum(isinstance(value, float) for value in before.values())
    print(f"{len(different)} of {len(before)} values differ ({n_numbers} of them are decimal numbers)")
    return int(bool(different) or not before)


if __name__ == "__main__":
    sys.exit(main())
