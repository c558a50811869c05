"""The baselines' accuracy beside the published or agreed figures, and what EASE costs."""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from movierec_cli.config import DataConfig, Family, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset, Ratings
from movierec_cli.data.load import load_dataset
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import Split, split_ratings
from movierec_cli.data.split_data import restrict
from movierec_cli.evaluation.evaluate import rank_ratings
from movierec_cli.evaluation.metrics import TopK, top_k, top_k_accuracy
from movierec_cli.evaluation.queries import Scorer
from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from tests.bench.rows import Bench, Row, seconds_of


@dataclass(frozen=True)
class Case:
    """One figure and its bar."""

    archive: str
    split: SplitConfig
    family: Family
    k: int
    bar: str


RANDOM = SplitConfig()
LEAVE_LAST = SplitConfig(kind=SplitKind.LEAVE_LAST, k_core=5)

CASES = (
    Case("ml-100k.zip", RANDOM, Family.POPULARITY, 100, ".416 ± .006"),
    Case("ml-100k.zip", RANDOM, Family.EASE, 100, ".626 ± .006"),
    Case("ml-1m.zip", RANDOM, Family.POPULARITY, 100, ".268 ± .003"),
    Case("ml-1m.zip", RANDOM, Family.EASE, 100, ".486 ± .004"),
    Case("ml-1m.zip", LEAVE_LAST, Family.POPULARITY, 10, ".0315 ± .006"),
    Case("ml-1m.zip", LEAVE_LAST, Family.EASE, 10, ".0892 ± .006"),
)


def measure_baselines(bench: Bench) -> Iterator[Row]:
    """Accuracy among unseen movies, settings chosen on validation; the seconds of EASE on 1M."""
    for case in CASES:
        yield _accuracy(bench, case)
    for case in CASES[-2:]:
        yield _by_movie_id(bench, case)
    yield _ease_seconds(bench)


def _accuracy(bench: Bench, case: Case) -> Row:
    dataset, split = divided(DataConfig(archive=bench.find(case.archive)), case.split)
    fitted = fit_baseline(case.family, dataset, split)
    accuracy = evaluated(dataset, split, fitted.model).unseen[case.k]
    protocol = f"{case.archive.removesuffix('.zip')}, {case.split.kind} split"
    chosen = "".join(f", {name} {value:g}" for name, value in fitted.settings.items())
    return Row(
        f"{case.family.label}, {protocol}: test top-{case.k} unseen",
        f"{accuracy:.4f} ({fitted.training_s:.1f} s{chosen})",
        case.bar,
    )


def _by_movie_id(bench: Bench, case: Case) -> Row:
    """Leave-last as the published figures come out: no validation rating learned from, ties by movie id.

    A quarter of 1M's last ratings share their second with another one, so the tie-break decides the target.
    """
    dataset, _ = divided(DataConfig(archive=bench.find("ml-1m.zip")), LEAVE_LAST)
    order = np.argsort(dataset.ratings.movie_index, kind="stable")
    columns = {field.name: getattr(dataset.ratings, field.name)[order] for field in fields(dataset.ratings)}
    dataset = replace(dataset, ratings=Ratings(**columns))
    split = split_ratings(dataset.ratings, LEAVE_LAST)
    settings = fit_baseline(case.family, dataset, split).settings
    prepare = pkgutil.resolve_name(case.family.spec.baseline).prepare
    model = prepare(TrainingRatings.of(dataset, split.train))(settings)
    ranks = rank_ratings(dataset, split.test, model, movies_of_users(dataset, split.train))
    return Row(
        f"{case.family.label}, ml-1m, leave-last, ties by movie id, train part alone: test top-10 unseen",
        f"{top_k_accuracy(ranks.unseen, 10):.4f}",
        case.bar,
    )


def _ease_seconds(bench: Bench) -> Row:
    """From the split to ranks with one penalty, and with the choice of it."""
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), RANDOM)
    prepare = pkgutil.resolve_name(Family.EASE.spec.baseline).prepare

    def fit_one() -> Scorer:
        model: Scorer = prepare(TrainingRatings.of(dataset, split.fit))({"l2": 800.0})
        return model

    (one_s,) = seconds_of(lambda: evaluated(dataset, split, fit_one()))
    (whole_s,) = seconds_of(
        lambda: evaluated(dataset, split, fit_baseline(Family.EASE, dataset, split).model)
    )
    return Row(
        f"EASE, ml-1m, random split: fit and rank {len(split.test):,} test ratings",
        f"{one_s:.1f} s; {whole_s:.1f} s with the choice of its penalty",
        "≤ 6 s",
    )


def divided(data: DataConfig, config: SplitConfig) -> tuple[Dataset, Split]:
    """The data set as the split wants it, and the split."""
    dataset = restrict(load_dataset(data), min_rating=config.min_rating, k_core=config.k_core)
    return dataset, split_ratings(dataset.ratings, config)


def evaluated(dataset: Dataset, split: Split, model: Scorer) -> TopK:
    """Test accuracy of a model fitted on train and validation, warm users only."""
    user_index = dataset.ratings.user_index
    rows = split.test[np.isin(user_index[split.test], user_index[split.fit])]
    ranks = rank_ratings(dataset, rows, model, movies_of_users(dataset, split.fit))
    return top_k(ranks, user_index[rows])
