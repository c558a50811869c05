"""The two sequential tutorials' own ways, written again and measured here, on the presets' windows."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from movierec_cli.config import DEFAULT_TOP_K, DataConfig
from movierec_cli.config.presets import PRESETS, Preset
from tests.bench.baselines import divided
from tests.bench.film_windows import Windows, top_k_over_all, windows_of
from tests.bench.rows import Archives, Row, on_engine, run_process

TFRS_EPOCHS = 3
KERAS_RS = {
    "learning_rate": 0.05,
    "batch_size": 4096,
    "test_batch_size": 2048,
    "num_epochs": 5,
}
ENGINE = "jax"  # the example's own


def measure_tutorials(archives: Archives) -> Iterator[Row]:
    """Trained on nine tenths of the windows: the tutorials have no validation part."""
    dataset, split = divided(DataConfig(archive=archives.find("ml-1m.zip")), PRESETS[Preset.TFRS_GRU].split)
    train, test = (windows_of(dataset.ratings, rows) for rows in (split.fit, split.test))
    sizes = f"1M, {len(train.labels):,} windows, tested on {len(test.labels):,}"
    yield _tfrs(train, test, len(dataset.movies), sizes)
    yield _keras_rs(train, test, len(dataset.movies), sizes)


def _tfrs(train: Windows, test: Windows, n_movies: int, sizes: str) -> Row:
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    from tests.bench.tfrs_gru_way import TfrsGruWay

    way = TfrsGruWay(train, n_movies)
    started = time.perf_counter()
    way.fit(TFRS_EPOCHS)
    seconds = time.perf_counter() - started
    queries, movies = way.embed(test)
    return Row(
        f"the TFRS tutorial's way, {sizes}: top-1/5/10/50/100 over all movies",
        f"{_figures(top_k_over_all(queries, movies, test.labels, DEFAULT_TOP_K))} ({seconds / 60:.1f} min)",
        "",
        "published: .0146 / .0780 / .1358 / .3735 / .5058",
    )


def _keras_rs(train: Windows, test: Windows, n_movies: int, sizes: str) -> Row:
    script = Path(__file__).with_name("keras_rs_gru_way.py")
    shuffled = np.random.default_rng(0).permutation(len(test.labels))  # batches are not of one user
    with tempfile.TemporaryDirectory() as name:
        windows, result = Path(name) / "windows.npz", Path(name) / "result.npz"
        np.savez(
            windows,
            contexts=train.contexts,
            labels=train.labels,
            test_contexts=test.contexts[shuffled],
            test_labels=test.labels[shuffled],
        )
        command = [*on_engine(ENGINE, script), str(windows), str(result)]
        finished = run_process([*command, json.dumps({**KERAS_RS, "n_movies": n_movies})])
        with np.load(result) as file:
            top_k = top_k_over_all(file["queries"], file["movies"], test.labels[shuffled], DEFAULT_TOP_K)
    told = json.loads(finished.stdout.splitlines()[-1])
    return Row(
        f"the KerasRS example's way, {sizes}: val_loss; top-1/5/10/50/100 over all movies",
        f"{told['val_loss'][-1]:.4f}; {_figures(top_k)} ({told['training_s'] / 60:.1f} min)",
        "",
        "published: val_loss 6.3444",
    )


def _figures(top_k: Mapping[int, float]) -> str:
    return " / ".join(f"{share:.4f}" for share in top_k.values())
