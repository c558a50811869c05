"""A CSV of 26 million ratings of one's own: how long it takes to be read, and how much memory."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.rows import Bench, Row, run_process, times

ROWS, USERS, ITEMS = 26_000_000, 270_000, 54_000
_BLOCK = 1 << 21
_LOAD = """
import sys
from pathlib import Path
from movierec_cli.config import DataConfig
from movierec_cli.data.load import load_dataset
print(f"{len(load_dataset(DataConfig(archive=Path(sys.argv[1]), datasets_dir=Path(sys.argv[2]))).ratings):,}")
"""
_POLARS = "import sys, polars; polars.read_csv(sys.argv[1])"


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
            columns = {
                "user": user,
                "item": (n_items * rng.random(n) ** 3).astype(np.int64) + 1,
                "rating": rng.integers(1, 11, n) / 2,
                "seconds": rng.integers(789_652_009, 1_574_327_703, n),
            }
            pl.DataFrame(columns).write_csv(out, include_header=False)


def measure_large_csv(bench: Bench) -> Iterator[Row]:
    """From the file to kept columns, in new processes, beside polars alone, which checks nothing."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ratings.csv"
        write_ratings(file, ROWS)
        load = [sys.executable, "-c", _LOAD, str(file), f"{name}/datasets"]
        first, later = run_process(load), run_process(load)
        polars = run_process([sys.executable, "-c", _POLARS, str(file)])
    what = f"CSV of {ROWS:,} rows ({first.stdout.strip()} pairs) → columns"
    reference = f"polars.read_csv {polars.wall_s:.1f} s, {polars.peak_mib / 1024:.2f} GiB"
    measured = f"{first.wall_s:.1f} s, {first.peak_mib / 1024:.2f} GiB"
    yield Row(f"{what}, first", measured, "≤ 40 s, ≤ 3 GiB", reference, times(polars.wall_s, first.wall_s))
    yield Row(f"{what}, later", f"{later.wall_s:.1f} s", "")
