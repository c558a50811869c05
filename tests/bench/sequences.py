"""The next movie, on 1M: models of sequences with their defaults, beside the baselines."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from movierec_cli.config import (
    FEATURES,
    NO_FEATURES,
    DataConfig,
    Family,
    FeatureSet,
    Settings,
    TrainerConfig,
    default_settings,
)
from movierec_cli.evaluation.metrics import metric_values
from movierec_cli.experiment.trainer import MovieLensTrainer
from movierec_cli.models.trained import SilentObserver
from movierec_cli.registry.record import EpochRecord, RunRecord
from movierec_cli.registry.store import Run
from tests.bench.rows import Bench, Row, spread

GOOD_HIT_RATE = 0.28  # of the ten best, on validation: how soon is it reached?


@dataclass(frozen=True)
class Case:
    """A line of the table."""

    family: Family
    feature_set: FeatureSet
    bar: str  # HR@10 / NDCG@10 on test
    reference: str


_TIMED = FeatureSet((FEATURES["time_gap"],))  # the default set of both families
TRAINED = (
    Case(
        Family.SASREC,
        _TIMED,
        f"≥ .315 / ≥ .182; ≤ 35 min, {GOOD_HIT_RATE} in ≤ 10",
        "SASRec+ .3152 / .1821, on a GPU (published)",
    ),
    Case(Family.GRU4REC, _TIMED, "≥ .28 / ≥ .162", "GRU4Rec .2811 / .1648 (published)"),
    Case(
        Family.SASREC,
        FeatureSet((FEATURES["time_gap"], FEATURES["query_time"])),
        "≥ .325 / ≥ .190",
        "HSTU, which sees the query's time, .3227 / .1879 (published)",
    ),
)
BASELINES = {
    Family.POPULARITY: "popularity .0315 / .0151 (published)",
    Family.EASE: "EASE .0892 / .0437 (published)",
    Family.IALS: "",
}


def measure_sequences(bench: Bench) -> Iterator[Row]:
    """A row a model, the mean of the seeds; what an earlier benchmark trained is not trained again."""
    for case in TRAINED:
        settings = default_settings(case.family)
        runs = train(bench, settings, case.feature_set)
        yield Row(_what(runs[0]), trained_figures(runs), case.bar, case.reference)
    config = TrainerConfig(
        feature_sets=(),
        data=DataConfig(archive=bench.find("ml-1m.zip")),
        split=default_settings(Family.SASREC).split,
        baselines=tuple(BASELINES),
        saved_models_dir=bench.saved_models_dir,
    )
    for run in MovieLensTrainer(config).run():
        seconds = f"{run.record.training_s:.1f} s with the choice of its settings"
        yield Row(_what(run), f"{_accuracy([run])}; {seconds}", "", BASELINES[run.record.config.family])


def train(
    bench: Bench, settings: Settings, feature_set: FeatureSet = NO_FEATURES, n_seeds: int = 0
) -> list[Run]:
    """Trains with these settings, or loads; once a seed, or `n_seeds` times."""
    config = TrainerConfig(
        feature_sets=(feature_set,),
        data=DataConfig(archive=bench.find("ml-1m.zip")),
        split=settings.split,
        family=settings.family,
        model=settings.model,
        training=settings.training,
        baselines=(),
        n_seeds=n_seeds or bench.n_seeds,
        saved_models_dir=bench.saved_models_dir,
    )
    return MovieLensTrainer(config, Progress()).run()


def _what(run: Run) -> str:
    config = run.record.config
    return f"1M, {config.split.kind}, {config.label}: test HR@10 / NDCG@10"


def trained_figures(runs: Sequence[Run]) -> str:
    """Accuracy, minutes and epochs of one model's seeds."""
    records = [run.record for run in runs]
    return (
        f"{_accuracy(runs)}; {spread([minutes_of(record) for record in records], '.1f')} min,"
        f" {spread([record.epochs_run for record in records], '.0f')} epochs; {reached(records)}"
    )


def reached(records: Sequence[RunRecord]) -> str:
    """How soon validation found a good share; of how many trainings, where not of all."""
    minutes = [minutes_to(record, GOOD_HIT_RATE) for record in records]
    known = [one for one in minutes if one is not None]
    what = f"validation HR@10 {GOOD_HIT_RATE}"
    if not known:
        return f"{what} never"
    some = f" in {len(known)} of {len(minutes)} trainings" if len(known) < len(minutes) else ""
    return f"{what} after {spread(known, '.1f')} min{some}"


def _accuracy(runs: Sequence[Run]) -> str:
    hit_rates, ndcgs = zip(*(hit_rate_and_ndcg(run) for run in runs), strict=True)
    return f"{spread(hit_rates, '.4f')} / {spread(ndcgs, '.4f')}"


def hit_rate_and_ndcg(run: Run) -> tuple[float, float]:
    """At 10, among unseen movies, means over the users that a model knows."""
    warm = run.outcome.warm
    hit_rate, ndcg = (float(metric_values(warm, name).mean()) for name in ("recall@10", "ndcg@10"))
    return hit_rate, ndcg


def minutes_of(record: RunRecord) -> float:
    """From the first epoch to the model that is kept, with validation."""
    return (record.training_s + record.validation_s) / 60


def minutes_to(record: RunRecord, hit_rate: float) -> float | None:
    """Until validation first found this share of the movies among the ten best; None where it never did.

    Records have the seconds of training at each validation and of all validations together, which cost
    alike.
    """
    for place, one in enumerate(record.history, start=1):
        if one.validation.unseen[10] >= hit_rate:
            return (one.elapsed_s + record.validation_s * place / len(record.history)) / 60
    return None


class Progress(SilentObserver):
    """Says on stderr how a long training goes."""

    def run_started(self, label: str, position: int, total: int) -> None:
        print(f"{label}, {position} of {total}", file=sys.stderr, flush=True)

    def validated(self, record: EpochRecord) -> None:
        print(
            f"  epoch {record.epoch}: loss {record.train_loss:.4f}, validation HR@10"
            f" {record.validation.unseen[10]:.4f}, {record.elapsed_s / 60:.1f} min",
            file=sys.stderr,
            flush=True,
        )
