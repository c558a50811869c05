"""Why JAX: one plain Keras model of sequences on two of Keras' engines, and our own step on JAX."""

import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from movierec_cli.config import DataConfig
from tests.bench.baselines import LEAVE_LAST, divided
from tests.bench.rows import Archives, Row, on_engine, run_process, spread
from tests.bench.sequence_epoch import SEQUENCE, TRAINING, our_epochs, tokens

ENGINES = ("tensorflow", "jax")
ROUNDS = 2


@dataclass(frozen=True)
class Settings:
    """The model's sizes and an epoch's: values of the data do not change the time, so they are random."""

    steps: int = 100
    rows: int = 32
    length: int = 200
    n_movies: int = 3416  # 1M, movies with five ratings or more
    width: int = 64
    blocks: int = 2
    heads: int = 2
    dropout: float = 0.2
    epochs: int = 2  # the first of which compiles

    @property
    def n_tokens(self) -> int:
        """Of an epoch."""
        return self.steps * self.rows * self.length


SETTINGS = Settings()


def measure_engines(archives: Archives) -> list[Row]:
    """Seconds an epoch, the engines in turn; ours on 1M, as long as it takes for as many positions."""
    seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(ROUNDS):
        for engine in ENGINES:
            seconds[engine] += engine_epochs(engine)
    dataset, split = divided(DataConfig(archive=archives.find("ml-1m.zip")), LEAVE_LAST)
    share = SETTINGS.n_tokens / tokens(dataset, split, SEQUENCE.max_length)
    ours = [share * second for second in our_epochs(dataset, split, SEQUENCE, TRAINING)]
    first = statistics.median(seconds[ENGINES[0]])
    rows = [
        _row(f"plain Keras, `fit`, on {engine}", found, first if engine != ENGINES[0] else None)
        for engine, found in seconds.items()
    ]
    return [*rows, _row("our step on jax, as many positions of 1M", ours, first)]


def _row(what: str, seconds: list[float], reference: float | None) -> Row:
    sizes = f"{SETTINGS.blocks} blocks, d {SETTINGS.width}, {SETTINGS.n_tokens:,} positions"
    measured = f"{spread(seconds, '.1f')} s"
    if reference is None:
        return Row(f"{what}: {sizes}", measured, "")
    ratio = f"{reference / statistics.median(seconds):.1f} ×"
    return Row(f"{what}: {sizes}", measured, "", f"plain Keras on {ENGINES[0]} {reference:.1f} s", ratio)


def engine_epochs(engine: str) -> list[float]:
    """Seconds of each epoch but the first."""
    script = Path(__file__).with_name("engine_epoch.py")
    command = [*on_engine(engine, script), json.dumps(asdict(SETTINGS))]
    finished = json.loads(run_process(command).stdout.splitlines()[-1])
    if finished["engine"] != engine:
        sys.exit(f"Keras ran on {finished['engine']} where {engine} was asked for")
    seconds: list[float] = finished["epoch_s"]
    return seconds[1:]
