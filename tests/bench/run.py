"""`make bench`: this project against its references, both measured in one run, as ratios.

    python tests/bench/run.py [NAME ...] [--data DIR] [--models DIR] [--seeds N]

Absolute times depend on the machine and its neighbours; the ratio of two measured side by side does less.
The MovieLens archives (ml-1m.zip, ml-100k.zip) are looked for in --data, then ../shared/data, then datasets/.

Of the models of sequences, `sequences` (the headline, three seeds) takes hours and `sequence-presets` the
better part of one: they run only when named, keep what they trained in --models and go on from there. So do
`few-likes`, `large`, `small` and `new-users` run only when named: a quarter of an hour or more, and nothing
is kept. `large` makes 26 million ratings and takes up to 6 GiB; `serve-hostile` takes ten minutes of its own,
`estimates` about five.
`sequence-epoch` compares with RecTools where the environment variable RECTOOLS_PYTHON names an interpreter
that has it: pip install "rectools[torch]" in an environment of its own, as it needs an older NumPy. So does
`ratings` with myFM where MYFM_PYTHON names one: pip install myfm pandas "setuptools<80".
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from movierec_cli.text import listed  # noqa: E402
from tests.bench import (  # noqa: E402
    accuracy,
    baselines,
    epoch,
    estimates,
    few_likes,
    fold_in,
    hybrids,
    jobs,
    large,
    large_csv,
    one_model,
    own_columns,
    processes,
    rating_fold_in,
    sequence_epoch,
    sequences,
    serving,
    tutorials,
)
from tests.bench.rows import Bench, Row  # noqa: E402

SECTIONS: dict[str, Callable[[Bench], Iterable[Row]]] = {
    "help": processes.measure_help,
    "sample": processes.measure_sample,
    "columns": processes.measure_columns,
    "large-csv": large_csv.measure_large_csv,
    "lengths": processes.measure_lengths,
    "epoch": epoch.measure_epoch,
    "ranking": epoch.measure_ranking,
    "baselines": baselines.measure_baselines,
    "accuracy": accuracy.measure_accuracy,
    "ratings": accuracy.measure_ratings,
    "fold-in": fold_in.measure_fold_in,
    "few-likes": few_likes.measure_few_likes,
    "small": hybrids.measure_small,
    "new-users": hybrids.measure_new_users,
    "rating-fold-in": rating_fold_in.measure_rating_fold_in,
    "tutorials": tutorials.measure_tutorials,
    "temporal": accuracy.measure_temporal,
    "command": processes.measure_command,
    "jobs": jobs.measure_jobs,
    "recommend": processes.measure_recommending,
    "serve": serving.measure_serving,
    "serve-hostile": serving.measure_hostile,
    "recommend-baselines": processes.measure_baselines_asked,
    "cold-items": own_columns.measure_cold_items,
    "planted": own_columns.measure_planted,
    "sequence-epoch": sequence_epoch.measure_sequence_epoch,
    "one-model": one_model.measure_one_model,
    "sequences": sequences.measure_sequences,
    "sequence-presets": sequences.measure_presets,
    "large": large.measure_large,
    "estimates": estimates.measure_estimates,
}
WHEN_NAMED = (
    *("estimates", "few-likes", "large", "planted", "small", "new-users"),
    *("serve-hostile", "sequences", "sequence-presets"),
)
_NAMES = f"of {', '.join(SECTIONS)} (default: all but {listed(WHEN_NAMED)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=_NAMES)
    parser.add_argument("--data", type=Path, help="folder of the archives")
    parser.add_argument("--models", type=Path, default=ROOT / "bench_models", help="of what takes hours")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each model in `sequences`")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    folders = [arguments.data] if arguments.data else [ROOT.parent / "shared" / "data", ROOT / "datasets"]
    bench = Bench(tuple(folders), arguments.models, arguments.seeds)
    print("| what | measured | bar | reference, same run | ratio |\n|---|---|---|---|---|", flush=True)
    for name, measure in SECTIONS.items():
        if name in arguments.names or not (arguments.names or name in WHEN_NAMED):
            for row in measure(bench):
                print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
