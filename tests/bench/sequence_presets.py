"""The two sequential tutorials as presets, beside what they published, and our best on the same windows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.config import (
    DEFAULT_TOP_K,
    DataConfig,
    Family,
    SplitConfig,
    SplitKind,
    default_settings,
)
from movierec_cli.config.presets import PRESETS, Preset
from movierec_cli.registry.store import Run
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Row, times
from tests.bench.sequences import hit_rate_and_ndcg, minutes_of, train

TFRS_PUBLISHED = {1: 0.0146, 5: 0.0780, 10: 0.1358, 50: 0.3735, 100: 0.5058}  # over all movies
BATCH_SIZE = 2048  # of the KerasRS example's validation; a larger batch is a larger loss
KERAS_RS_PUBLISHED = "KerasRS example, a tenth of the windows at random (published): val_loss 6.3444"

Floats = npt.NDArray[np.floating]


def measure_presets(bench: Bench) -> Iterator[Row]:
    """One training each: the presets are quick, and what they are compared with is one training too."""
    yield _tfrs(bench)
    yield _best(bench)
    yield _keras_rs(bench)
    yield _keras_rs_windows(bench)


def _tfrs(bench: Bench) -> Row:
    (run,) = train(bench, PRESETS[Preset.TFRS_GRU], n_seeds=1)
    measured = run.record.test.all
    furthest = max(abs(measured[k] - published) for k, published in TFRS_PUBLISHED.items())
    return Row(
        f"{_what(Preset.TFRS_GRU, run)}: test top-1/5/10/50/100 over all movies",
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
        f"{_what(Preset.KERAS_RS_GRU, run)}: loss in batches of 2,048; HR@10 / NDCG@10 among unseen movies",
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
        f"{_what(Preset.KERAS_RS_GRU, run)}: validation loss after each epoch",
        ", ".join(f"{loss:.4f}" for loss in losses) or "not in the record",
        "the last ≤ 6.3444",
        KERAS_RS_PUBLISHED,
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


def _what(preset: Preset, run: Run) -> str:
    return f"1M, preset {preset}, {run.record.config.split.kind}, {run.record.epochs_run} epochs"


def _figures(top_k: Mapping[int, float]) -> str:
    return " / ".join(f"{top_k[k]:.4f}" for k in DEFAULT_TOP_K)
