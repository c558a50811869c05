"""Predicting the future: the default feature sets on one date's split of 1M, beside every baseline."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from movierec_cli.config import BASELINES, DataConfig, Family, SplitConfig, SplitKind, TrainerConfig
from movierec_cli.evaluation.significance import by_pair
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import on_own_test
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trainer import MovieLensTrainer
from tests.bench.rows import Bench, Row

SEEDS = 3
TO_BEAT = (Family.POPULARITY, Family.RECENT_POPULARITY, Family.IALS, Family.EASE)


def measure_temporal(bench: Bench) -> Iterator[Row]:
    """A row a baseline and k: the best set against it, mean of the seeds, with the 95 % interval."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainerConfig(
            data=DataConfig(archive=bench.find("ml-1m.zip")),
            split=SplitConfig(kind=SplitKind.TEMPORAL),
            baselines=BASELINES,
            n_seeds=SEEDS,
            saved_models_dir=Path(folder),
        )
        trainer = MovieLensTrainer(config)
        evaluated, _ = on_own_test(trainer.run())
        studies = [compare_runs(trainer.data, evaluated, ks=(k,)) for k in (10, 100)]
    best = max(
        (one for one in studies[-1].models if not one.is_baseline),
        key=lambda model: model.metrics[studies[-1].headline].mean,
    )
    for study in studies:
        yield from (_row(study, one.label, "") for one in study.models)
        yield from (_row(study, best.label, family.label) for family in TO_BEAT)


def _row(study: Study, label: str, baseline: str) -> Row:
    means = {one.label: one.metrics[study.headline] for one in study.models}
    own = means[label]
    what = f"1M temporal, {label}: {study.headline}"
    measured = f"{own.mean:.4f} ({own.low:.4f} … {own.high:.4f})"
    if not baseline:
        return Row(what, measured, "")
    difference = by_pair(study.differences)[label, baseline].difference
    return Row(
        what,
        f"{difference.mean:+.4f} ({difference.low:+.4f} … {difference.high:+.4f})",
        "above, interval without 0",
        f"{baseline} {means[baseline].mean:.4f}",
    )
