"""The next movie, on 1M: models of sequences beside the baselines, and two sequential tutorials as presets.

The presets stand beside what the tutorials published, and our best on the same windows.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from movierec_cli.config import (
    DEFAULT_TOP_K,
    FEATURES,
    NO_FEATURES,
    DataConfig,
    Family,
    FeatureSet,
    Settings,
    SplitConfig,
    SplitKind,
    TargetKind,
    TrainerConfig,
    default_settings,
)
from movierec_cli.config.presets import PRESETS, PUBLISHED, Preset
from movierec_cli.evaluation.metrics import metric_values
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import EpochRecord, RunRecord
from movierec_cli.registry.store import Run
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Row, spread, times

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
        "≥ .335 / ≥ .194; ≤ 15 min",
        "LRURec .3264 / .1930 (published)",
    ),
    Case(Family.GRU4REC, _TIMED, "≥ .28 / ≥ .162", "GRU4Rec .2811 / .1648 (published)"),
    Case(
        Family.SASREC,
        FeatureSet((FEATURES["time_gap"], FEATURES["query_time"])),
        "≥ .358 / ≥ .212; ≤ 15 min",
        "HSTU-large, which sees the query's time, .3642 / .2164 (published)",
    ),
)
SUCCESSIVE = SplitConfig(
    kind=SplitKind.TEMPORAL,
    targets=TargetKind.SUCCESSIVE,
    test_fraction=0.1,
    validation_fraction=0.1,
    k_core=5,
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
    successive = replace(default_settings(Family.SASREC, SplitKind.TEMPORAL), split=SUCCESSIVE)
    runs = train(bench, successive, _TIMED)
    anchor = "SASRec+ .1983 / .1083 (published by Time to Split)"
    yield Row(f"{_what(runs[0])}, successive", trained_figures(runs), "≥ .1983 / ≥ .1083", anchor)
    config = TrainerConfig(
        feature_sets=(),
        data=DataConfig(archive=bench.find("ml-1m.zip")),
        split=default_settings(Family.SASREC).split,
        baselines=tuple(BASELINES),
        saved_models_dir=bench.saved_models_dir,
    )
    for run in RunTrainer(config).run():
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
    return RunTrainer(config, Progress()).run()


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


class Progress(TrainingObserver):
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


TFRS_PUBLISHED = {one.k or 0: one.value for one in PUBLISHED[Preset.TFRS_GRU].figures}  # over all movies
BATCH_SIZE = 2048  # of the KerasRS example's validation; a larger batch is a larger loss
KERAS_RS_PUBLISHED = "KerasRS example, a tenth of the windows at random (published): val_loss 6.3444"

Floats = npt.NDArray[np.floating]


def measure_presets(bench: Bench) -> Iterator[Row]:
    """One training each: the presets are quick, and what they are compared with is one training too."""
    yield _tfrs(bench)
    yield _best(bench)
    yield _keras_rs(bench)
    yield _keras_rs_windows(bench)
    yield _hstu(bench)


def _tfrs(bench: Bench) -> Row:
    (run,) = train(bench, PRESETS[Preset.TFRS_GRU], n_seeds=1)
    measured = run.record.test.all
    furthest = max(abs(measured[k] - published) for k, published in TFRS_PUBLISHED.items())
    return Row(
        f"{_preset(Preset.TFRS_GRU, run)}: test top-1/5/10/50/100 over all movies",
        f"{_figures(measured)} ({minutes_of(run.record):.1f} min), furthest off {furthest:.4f}",
        "within .03 of the tutorial",
        f"TFRS tutorial (published): {_figures(TFRS_PUBLISHED)}",
    )


def _best(bench: Bench) -> Row:
    """Our own settings under the TFRS tutorial's protocol: the ten movies before, the same windows."""
    best = default_settings(Family.SASREC, SplitKind.WINDOWS)
    on_its_windows = replace(best, split=PRESETS[Preset.TFRS_GRU].split)
    (run,) = train(bench, on_its_windows, best.feature_sets[0], n_seeds=1)
    test = run.record.test
    return Row(
        f"1M, the same windows, our {run.record.config.label}: the same figures",
        f"{_figures(test.all)} ({minutes_of(run.record):.1f} min);"
        f" among unseen movies {_figures(test.unseen)}",
        "top-10 ≥ .24, top-100 ≥ .63",
        f"TFRS tutorial (published): {_figures(TFRS_PUBLISHED)}",
        f"{times(test.all[10], TFRS_PUBLISHED[10])} at 10",
    )


def _keras_rs(bench: Bench) -> Row:
    (run,) = train(bench, PRESETS[Preset.KERAS_RS_GRU], n_seeds=1)
    hit_rate, ndcg = hit_rate_and_ndcg(run)
    return Row(
        f"{_preset(Preset.KERAS_RS_GRU, run)}: loss in batches of 2,048; HR@10 / NDCG@10 among unseen movies",
        f"{_test_loss(bench, run):.4f}; {hit_rate:.4f} / {ndcg:.4f} ({minutes_of(run.record):.1f} min);"
        f" over all movies HR@10 {run.record.test.all[10]:.4f}",
        "loss ≤ 6.3444",
        KERAS_RS_PUBLISHED,
    )


def _keras_rs_windows(bench: Bench) -> Row:
    """The tutorial's own protocol, with its test set as our validation set."""
    split = SplitConfig(kind=SplitKind.WINDOWS, min_rating=2.0, test_fraction=0.01, validation_fraction=0.1)
    (run,) = train(bench, replace(PRESETS[Preset.KERAS_RS_GRU], split=split), n_seeds=1)
    losses = [one.validation_loss for one in run.record.history if one.validation_loss is not None]
    return Row(
        f"{_preset(Preset.KERAS_RS_GRU, run)}: validation loss after each epoch",
        ", ".join(f"{loss:.4f}" for loss in losses) or "not in the record",
        "the last ≤ 6.3444",
        KERAS_RS_PUBLISHED,
    )


def _hstu(bench: Bench) -> Row:
    preset = PRESETS[Preset.HSTU]
    (run,) = train(bench, preset, preset.feature_sets[0], n_seeds=1)
    return Row(
        f"{_preset(Preset.HSTU, run)}: HR@10 / NDCG@10 among unseen movies",
        trained_figures([run]),
        "within .01 of RecTools'",
        "RecTools .3226 / .1880; the authors' code .3097 / .1720 (published)",
    )


def _test_loss(bench: Bench, run: Run) -> float:
    """Of each user's last movie, predicted from their state before it."""
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), run.record.config.split)
    rows = np.random.default_rng(0).permutation(split.test)
    ratings, artifacts = dataset.ratings, run.artifacts
    queries = artifacts.user_embeddings[ratings.user_index[rows]]
    return in_batch_loss(queries, artifacts.movie_embeddings[ratings.movie_index[rows]])


def in_batch_loss(queries: Floats, positives: Floats, batch_size: int = BATCH_SIZE) -> float:
    """Softmax cross-entropy in nats, the classes being the positives of the batch, doubles not corrected.

    Mean over examples, as Keras averages its batches: a smaller last batch counts for less.

    Args:
        queries: [n, dim], in the order in which they are cut into batches.
        positives: [n, dim], the embedding of each query's movie.
        batch_size: how many compete.
    """
    losses = []
    for start in range(0, len(queries), batch_size):
        batch = slice(start, start + batch_size)
        scores = queries[batch].astype(np.float64) @ positives[batch].astype(np.float64).T  # [b, b]
        highest = scores.max(axis=1)
        losses.append(highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1)) - np.diagonal(scores))
    return float(np.concatenate(losses).mean())


def _preset(preset: Preset, run: Run) -> str:
    return f"1M, preset {preset}, {run.record.config.split.kind}, {run.record.epochs_run} epochs"


def _figures(top_k: Mapping[int, float]) -> str:
    return " / ".join(f"{top_k[k]:.4f}" for k in DEFAULT_TOP_K)
