"""Predicting the future: the default feature sets on one date's split of 1M, beside every baseline."""

import tempfile
from pathlib import Path

from movierec_cli.config import BASELINES, DataConfig, Family, SplitConfig, SplitKind, TrainerConfig
from movierec_cli.evaluation.significance import PairedDifference
from movierec_cli.experiment.comparison import compare_runs
from movierec_cli.experiment.selection import EvaluatedRun
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trainer import MovieLensTrainer
from tests.bench.rows import Archives, Row

SEEDS = 3
TO_BEAT = (Family.POPULARITY, Family.RECENT_POPULARITY, Family.IALS, Family.EASE)


def measure_temporal(archives: Archives) -> list[Row]:
    """A row a baseline and k: the best set against it, mean of the seeds, with the 95 % interval."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainerConfig(
            data=DataConfig(archive=archives.find("ml-1m.zip")),
            split=SplitConfig(kind=SplitKind.TEMPORAL),
            baselines=BASELINES,
            n_seeds=SEEDS,
            saved_models_dir=Path(folder),
        )
        trainer = MovieLensTrainer(config)
        evaluated = [EvaluatedRun(run, run.outcome) for run in trainer.run()]
        studies = [
            compare_runs(
                trainer.data.dataset,
                trainer.data.split,
                config.split,
                trainer.data.summary,
                evaluated,
                ks=(k,),
            )
            for k in (10, 100)
        ]
    best = max(
        (one for one in studies[-1].models if not one.is_baseline),
        key=lambda model: model.metrics[studies[-1].headline].mean,
    )
    trained = [_row(study, one.label, "") for study in studies for one in study.models]
    return trained + [_row(study, best.label, family.label) for study in studies for family in TO_BEAT]


def _row(study: Study, label: str, baseline: str) -> Row:
    means = {one.label: one.metrics[study.headline] for one in study.models}
    own = means[label]
    what = f"1M temporal, {label}: {study.headline}"
    measured = f"{own.mean:.4f} ({own.low:.4f} … {own.high:.4f})"
    if not baseline:
        return Row(what, measured, "")
    difference = next(_turned(one, label) for one in study.differences if {one.a, one.b} == {label, baseline})
    return Row(
        what,
        f"{difference[0]:+.4f} ({difference[1]:+.4f} … {difference[2]:+.4f})",
        "above, interval without 0",
        f"{baseline} {means[baseline].mean:.4f}",
    )


def _turned(difference: PairedDifference, label: str) -> tuple[float, float, float]:
    """The difference with `label` first."""
    interval = difference.difference
    if difference.a == label:
        return interval.mean, interval.low, interval.high
    return -interval.mean, -interval.high, -interval.low
