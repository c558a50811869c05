"""What data far beyond this machine take, derived from what three sizes of data cost on it.

Every cost is a sum of few terms, each a rate times an amount of work that follows from the numbers of
ratings, users and items. The rates are fitted to measured costs. How far they can be trusted is seen by
predicting each size from the others. Then they are applied to data of a billion ratings, divided by users
among machines like this one. What cannot be measured on one machine is assumed, and named so (`ASSUMED_…`).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, Family, SplitConfig, SplitKind, default_settings
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split import split_ratings
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.models.memory_estimate import FLOAT_BYTES, TrainingData, n_parameters
from movierec_cli.models.two_tower.query_batches import CLASSES, MAX_CLASSES, catalogue_batch_size
from movierec_cli.registry.record import RunConfig
from tests.bench.large import DIM, TENTH, fit_of, on_disk
from tests.bench.large_world import USERS, write_world
from tests.bench.rows import Bench, Row, called, movierec, seconds_of

if TYPE_CHECKING:
    import tensorflow as tf

MACHINES = (8, 64, 512)
ASSUMED_NETWORK = 10e9 / 8
"""Bytes a second that a machine sends while it receives as many: 10 Gbit/s."""
ASSUMED_PATIENCE_S = 24 * 3600.0
"""What takes a machine longer is called too long."""
TOP = 100  # of the lists for everybody


@dataclass(frozen=True)
class Size:
    """Of data, or of one machine's part of them, which has all items."""

    ratings: float
    users: float
    items: float

    @property
    def parameters(self) -> float:
        """Of a model of ids."""
        data = TrainingData(int(self.users), int(self.items), int(self.ratings), {})
        return n_parameters(_config(), data)

    @property
    def queries(self) -> int:
        """Of a step."""
        return catalogue_batch_size(int(self.users), int(self.items))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-int(self.users) // self.queries)

    @property
    def classes(self) -> float:
        """That a query is compared with."""
        return self.items if self.items <= MAX_CLASSES else CLASSES

    def of_machine(self, n: int) -> Size:
        """Where users and their ratings are divided."""
        return Size(self.ratings / n, self.users / n, self.items)


FAR = Size(ratings=1e9, users=1e8, items=1e7)

Costs = dict[str, float]
Work = Callable[[Size], float]
_ONCE: Work = lambda size: 1.0  # noqa: E731
_RATINGS: Work = lambda size: size.ratings  # noqa: E731
_PARAMETERS: Work = lambda size: size.parameters  # noqa: E731
_ROWS: Work = lambda size: size.users + size.items  # noqa: E731
_STEP_SCORES: Work = lambda size: size.queries * size.classes  # noqa: E731
_SCORES: Work = lambda size: size.users * size.items  # noqa: E731
_USERS: Work = lambda size: size.users  # noqa: E731


@dataclass(frozen=True)
class Cost:
    """One kind of cost: in which unit, and which amounts of work it is the sum of."""

    unit: str
    terms: tuple[Work, ...]

    def rates(self, sizes: Sequence[Size], measured: Sequence[float]) -> npt.NDArray[np.float64]:
        """The rate of each term, none below 0, with the least relative errors: [n_terms]."""
        from scipy.optimize import nnls

        # Relative to what was measured, or the largest size alone would decide.
        work = np.array([[term(size) for term in self.terms] for size in sizes]) / np.c_[measured]
        largest = work.max(axis=0)
        found, _ = nnls(work / largest, np.ones(len(sizes)))
        rates: npt.NDArray[np.float64] = found / largest
        return rates

    def of(self, size: Size, rates: npt.NDArray[np.float64]) -> float:
        """What data of a size cost."""
        return float(rates @ [term(size) for term in self.terms])


READ, READ_AGAIN, SPLIT = "read a file for the first time", "read it again", "split"
GROUP, RANK = "group by queries, make a model", "rank the test ratings and list"
TABLES, SCORES = "a step but its softmax", "the softmax of a step"
READING_MEMORY, MEMORY = (
    "memory of reading, above what imports take",
    "memory of training and ranking, likewise",
)
COLUMNS, RUN = "columns of ratings", "the folder of a run"
LISTS, LIST_FILES = f"lists of {TOP} for all users", "the Parquet files of these lists"

COSTS = {
    READ: Cost("s", (_ONCE, _RATINGS)),
    READ_AGAIN: Cost("s", (_ONCE, _RATINGS)),
    SPLIT: Cost("s", (_ONCE, _RATINGS)),
    GROUP: Cost("s", (_ONCE, _RATINGS)),
    TABLES: Cost("s", (_ONCE, _PARAMETERS)),
    SCORES: Cost("s", (_ONCE, _STEP_SCORES)),
    RANK: Cost("s", (_ONCE, _SCORES)),
    LISTS: Cost("s", (_ONCE, _SCORES)),
    COLUMNS: Cost("B", (_RATINGS,)),
    READING_MEMORY: Cost("B", (_ONCE, _RATINGS)),
    MEMORY: Cost("B", (_ONCE, _PARAMETERS)),
    RUN: Cost("B on disk", (_RATINGS, _ROWS)),
    LIST_FILES: Cost("B on disk", (_USERS,)),
}


def measure_estimates(bench: Bench) -> Iterator[Row]:
    """Three sizes, each predicted from the other two; then the rates of all three, applied."""
    measured: dict[str, tuple[Size, Costs]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(folder / "world", n_users=USERS // TENTH)
        archives = {
            "100K": bench.find("ml-100k.zip"),
            "1M": bench.find("ml-1m.zip"),
            "2.6M": folder / "world",
        }
        for label, archive in archives.items():
            measured[label] = measured_costs(archive, folder / label)
    yield from checked(measured)
    yield from far_rows(list(measured.values()))


def measured_costs(archive: Path, folder: Path) -> tuple[Size, Costs]:
    """What data of one size cost, in processes of their own.

    Args:
        archive: of the ratings.
        folder: is made; of all that is written.
    """
    folder.mkdir()
    _, found = called(print_costs, archive, folder)
    places = ("--archive", str(archive), "--datasets_dir", f"{folder}/datasets")
    models = ("--saved_models_dir", f"{folder}/models")
    alone = ("--additional_feature_sets", "None", "--baselines", "None", "--num_epochs", "1")
    movierec("train", *places, *models, *alone, "--embedding_size", str(DIM), folder=folder)
    parts = ("--top", str(TOP), "--parts", f"{folder}/lists")
    lists = movierec("recommend", "--users", "all", *parts, *models, folder=folder)
    costs = found["costs"] | {
        RUN: on_disk(folder / "models"),
        LISTS: lists.wall_s,
        LIST_FILES: on_disk(folder / "lists"),
    }
    return Size(**found["size"]), costs


def print_costs(archive: str, folder: str) -> None:
    """Prints a size and its costs, as JSON; to be called in a new process."""
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    from movierec_cli.models.two_tower.tower_fitting import AVERAGED_EPOCHS, Fit

    data = DataConfig(archive=Path(archive), datasets_dir=Path(folder) / "datasets")
    before, costs = _peak_bytes(), {}
    costs[READ], costs[READ_AGAIN] = seconds_of(lambda: load_dataset(data), 2)
    costs[READING_MEMORY] = _peak_bytes() - before
    dataset = load_dataset(data)
    costs[COLUMNS] = sum(one.nbytes for one in vars(dataset.ratings).values() if isinstance(one, np.ndarray))
    costs[SPLIT] = seconds_of(lambda: split_ratings(dataset.ratings, SplitConfig()))[0]
    began = time.perf_counter()
    prepared, split, fit = fit_of(data, DIM)
    costs[GROUP] = time.perf_counter() - began - costs[READ_AGAIN] - costs[SPLIT]
    n_steps = fit.batches.n_batches
    whole = min(seconds_of(fit.epoch, 3)[1:]) / n_steps  # the first compiles
    costs[RANK] = min(seconds_of(lambda: evaluate(dataset, split.train, split.test, prepared), 2))
    costs[MEMORY] = _peak_bytes() - before
    fit.model.objective.loss = _without_scores
    plain = Fit(fit.model, fit.config, AVERAGED_EPOCHS)
    costs[TABLES] = min(seconds_of(plain.epoch, 3)[1:]) / n_steps
    costs[SCORES] = whole - costs[TABLES]
    size = {"ratings": len(dataset.ratings), "users": len(dataset.users), "items": len(dataset.movies)}
    print(json.dumps({"size": size, "costs": costs}))


def _without_scores(queries: tf.Tensor, movies: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """A loss with gradients for all that a step embeds, which compares nothing."""
    import tensorflow

    return tensorflow.reduce_mean(queries) + tensorflow.reduce_mean(movies)


def _peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _config() -> RunConfig:
    usual = default_settings(Family.TWO_TOWER, SplitKind.RANDOM)
    model = replace(usual.model, embedding_size=DIM)
    return RunConfig(family=Family.TWO_TOWER, split=SplitConfig(), model=model, training=usual.training)


def checked(measured: dict[str, tuple[Size, Costs]]) -> Iterator[Row]:
    """Each size's costs beside what the others predict."""
    for name, cost in COSTS.items():
        for label, (size, costs) in measured.items():
            others = [one for other, one in measured.items() if other != label]
            rates = cost.rates([one for one, _ in others], [of_one[name] for _, of_one in others])
            predicted = cost.of(size, rates)
            error = f"{predicted / costs[name] - 1:+z.0%}"
            form = partial(_told, unit=cost.unit)
            yield Row(f"{name}, {label}", form(costs[name]), "", f"{form(predicted)} predicted", error)


def far_rows(measured: Sequence[tuple[Size, Costs]]) -> Iterator[Row]:
    """What each of several machines has to do for `FAR`, beside what it has; what exceeds that most first."""
    sizes = [size for size, _ in measured]
    rates = {name: cost.rates(sizes, [costs[name] for _, costs in measured]) for name, cost in COSTS.items()}
    needs = [_needs(n, rates) for n in MACHINES]
    has = {"s": ASSUMED_PATIENCE_S, "B": _memory_bytes(), "B on disk": shutil.disk_usage(Path.cwd()).total}
    each = f"each of {' / '.join(map(str, MACHINES))}"
    for name in sorted(needs[0], key=lambda name: -needs[0][name][0] / has[needs[0][name][1]]):
        unit = needs[0][name][1]
        told = " / ".join(_told(need[name][0], unit) for need in needs)
        times = " / ".join(f"{need[name][0] / has[unit]:.2g} ×" for need in needs)
        yield Row(f"{name}, {each}", told, f"{_told(has[unit], unit)}{unit[1:]}", "", times)


def _needs(n_machines: int, rates: dict[str, npt.NDArray[np.float64]]) -> dict[str, tuple[float, str]]:
    """What one machine has to do, with its unit."""
    own = FAR.of_machine(n_machines)
    needs = {name: (cost.of(own, rates[name]), cost.unit) for name, cost in COSTS.items()}
    tables, scores = needs.pop(TABLES)[0], needs.pop(SCORES)[0]
    del needs[RUN]  # below, as it is one for all
    ring = 2 * (n_machines - 1) / n_machines / ASSUMED_NETWORK  # s a byte of what is summed over a ring
    touched = min(own.items, own.classes + own.queries * n_machines * FAR.ratings / FAR.users)
    of_row = DIM * FLOAT_BYTES
    needs |= {
        "an epoch: all tables in every step": (own.steps * tables, "s"),
        "an epoch: the softmax": (own.steps * scores, "s"),
        "an epoch: summing gradients of all items": (own.steps * ring * own.items * of_row, "s"),
        "an epoch: … of the items of a step alone": (own.steps * ring * touched * of_row, "s"),
        "moving ratings to their users' machines": (needs[COLUMNS][0] / ASSUMED_NETWORK, "s"),
        "one folder of a run, in one place": (COSTS[RUN].of(FAR, rates[RUN]), "B on disk"),
        "sending that folder to one place": (COSTS[RUN].of(FAR, rates[RUN]) / ASSUMED_NETWORK, "s"),
    }
    return needs


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


_LARGER = {
    "s": ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")),
    "B": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")),
}


def _told(value: float, unit: str) -> str:
    """In the largest unit of which there is one or more: "2.4 GB"."""
    larger = _LARGER[unit[0]]
    factor, name = next((one for one in larger if value >= one[0]), larger[-1])
    return f"{value / factor:.3g} {name}"
