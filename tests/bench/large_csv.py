"""How long a CSV of 26 million ratings of one's own takes to be read, and how much memory.

python tests/bench/large_csv.py [--rows 26000000] [--folder FOLDER]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, USERS, ITEMS = 26_000_000, 270_000, 54_000
BAR_S, BAR_GIB = 40, 3
_BLOCK = 1 << 21


def write_ratings(file: Path, n_rows: int, seed: int = 7) -> None:
    """Writes ratings by user, with half stars and seconds; a few items have most of them."""
    import polars as pl

    rng = np.random.default_rng(seed)
    n_users, n_items = max(2, n_rows * USERS // ROWS), min(ITEMS, n_rows)
    users = np.sort(rng.integers(1, n_users + 1, n_rows))
    with file.open("wb") as out:
        out.write(b"user_id,item_id,rating,timestamp\n")
        for start in range(0, n_rows, _BLOCK):
            user = users[start : start + _BLOCK]
            n = len(user)
            item = (n_items * rng.random(n) ** 3).astype(np.int64) + 1
            rating = rng.integers(1, 11, n) / 2
            seconds = rng.integers(789_652_009, 1_574_327_703, n)
            frame = pl.DataFrame({"user": user, "item": item, "rating": rating, "seconds": seconds})
            frame.write_csv(out, include_header=False)


def measure(file: Path, folder: Path) -> tuple[float, float, str]:
    """Seconds and GiB of a fresh process that reads the file once, and what it says of it."""
    code = (
        "import sys; from pathlib import Path; from movierec_cli.config import DataConfig;"
        "from movierec_cli.data.load import load_dataset;"
        "data = load_dataset(DataConfig(archive=Path(sys.argv[1]), datasets_dir=Path(sys.argv[2])));"
        "print(f'{len(data.ratings):,} ratings, {len(data.users):,} users, {len(data.movies):,} items')"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(file), str(folder)], capture_output=True, text=True, check=True
    )
    elapsed = time.perf_counter() - started
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return elapsed, peak_kib / 2**20, done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        folder = Path(made)
        file = folder / "ratings.csv"
        write_ratings(file, asked.rows)
        print(f"{file.stat().st_size / 1e6:,.0f} MB of CSV")
        seconds, gib, said = measure(file, folder / "datasets")
        print(f"first read: {seconds:.1f} s (bar {BAR_S}), {gib:.2f} GiB (bar {BAR_GIB}); {said}")
        seconds, gib, _ = measure(file, folder / "datasets")
        print(f"later: {seconds:.1f} s")


if __name__ == "__main__":
    main()
