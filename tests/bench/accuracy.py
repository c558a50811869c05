"""Test accuracy of the defaults, random 80/20, beside EASE and popularity on the same split."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from movierec_cli.config import DataConfig, Family, FeatureSet, SplitConfig, TrainerConfig
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.experiment.trainer import MovieLensTrainer
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from movierec_cli.registry.record import RunRecord
from tests.bench.baselines import divided, evaluated
from tests.bench.rows import Bench, Row

CASES = (
    ("ml-100k.zip", "timestamp movie_title_text", "all ≥ .42, unseen ≥ .62"),
    ("ml-1m.zip", "None", "unseen top-100 ≥ .47"),
    ("ml-1m.zip", "timestamp movie_title_text movie_genres", "unseen ≥ .116 / ≥ .486"),
)


def measure_accuracy(bench: Bench) -> Iterator[Row]:
    """Each case trained with the defaults a newcomer gets."""
    references: dict[str, str] = {}
    for archive, features, bar in CASES:
        data = DataConfig(archive=bench.find(archive))
        if archive not in references:
            references[archive] = _references(data)
        record = _train(data, features)
        what = f"{archive.removesuffix('.zip')}, {features}: test top-10 / top-100"
        figures = f"{_figures(record.test)}; {record.training_s:.0f} s training"
        yield Row(what, figures, bar, references[archive])


def _train(data: DataConfig, features: str) -> RunRecord:
    with tempfile.TemporaryDirectory() as folder:
        sets = (FeatureSet.parse(features.split()),)
        config = TrainerConfig(feature_sets=sets, data=data, baselines=(), saved_models_dir=Path(folder))
        return MovieLensTrainer(config).run()[0].record


def _figures(top_k: TopK) -> str:
    return (
        f"unseen {top_k.unseen[10]:.4f} / {top_k.unseen[100]:.4f}, "
        f"all {top_k.all[10]:.4f} / {top_k.all[100]:.4f}"
    )


def _references(data: DataConfig) -> str:
    dataset, split = divided(data, SplitConfig())
    ease, popularity = (fit_baseline(family, dataset, split) for family in (Family.EASE, Family.POPULARITY))
    return (
        f"EASE {_figures(evaluated(dataset, split, ease.model))} ({ease.training_s:.0f} s with the choice of"
        f" its penalty, {ease.settings['l2']:g});"
        f" popularity {_figures(evaluated(dataset, split, popularity.model))}"
    )
