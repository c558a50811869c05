"""Recommending from a saved 1M run: whole processes, all users at once, and against the model itself."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FEATURES, DataConfig, FeatureSet, default_settings
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.evaluate import best_of_rows
from movierec_cli.recommend.many_users import recommend_all
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Finished, Row, movierec, seconds_of, spread, times
from tests.bench.sequences import train

BEST_SET = FeatureSet((FEATURES["timestamp"], FEATURES["movie_title_text"], FEATURES["movie_genres"]))
LISTED = 100
PROCESSES = 15


def measure_recommending(bench: Bench) -> Iterator[Row]:
    """The run is trained once, in --models."""
    (run,) = train(bench, default_settings(), BEST_SET, n_seeds=1)
    yield _one_user(run)
    yield _all_users(run)
    yield _against_the_model(bench, run)


def _one_user(run: Run) -> Row:
    found = [_recommended(run, "--user", "1") for _ in range(PROCESSES)]
    help_s = statistics.median(movierec("--help").wall_s for _ in range(PROCESSES))
    wall_s = [one.wall_s for one in found]
    return Row(
        f"`recommend --user 1` on a saved 1M run ({run.record.config.label}), whole process",
        f"median {statistics.median(wall_s):.2f} ({min(wall_s):.2f} … {max(wall_s):.2f}) s,"
        f" {max(one.peak_mib for one in found):.0f} MiB",
        "≤ 0.5 s, ≤ 150 MiB",
        f"`movierec --help` {help_s:.2f} s",
        times(help_s, statistics.median(wall_s)),
    )


def _all_users(run: Run) -> Row:
    user_ids = run.artifacts.user_ids.tolist()
    seconds = seconds_of(lambda: recommend_all(run, user_ids, top=LISTED), 3)
    n_movies = recommend_all(run, user_ids, top=LISTED).n_movies
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lists.csv"
        whole = _recommended(run, "--users", "all", "--top", str(LISTED), "--csv", str(file))
    return Row(
        f"all {len(user_ids):,} users of it, {n_movies:,} movies in lists of {LISTED}, seen masked",
        f"{spread(seconds, '.2f')} s; whole process with a CSV of them {whole.wall_s:.1f} s",
        "≤ 2 s",
    )


def _against_the_model(bench: Bench, run: Run) -> Row:
    """TensorFlow's model with the run's weights, its scores ranked apart from what recommends."""
    scores = model_scores(bench, run)
    known = run.user_ratings
    seen = RaggedRows(known.starts, known.movie)
    owner, place = seen.places(np.arange(len(seen)))
    masked = scores.copy()
    masked[owner, seen.values[place]] = -np.inf
    expected = best_of_rows(masked, LISTED)
    lists = recommend_all(run, run.artifacts.user_ids.tolist(), top=LISTED)
    off = np.abs(np.take_along_axis(scores, lists.rows, axis=1) - lists.scores).max()
    same = sum(np.array_equal(own, other) for own, other in zip(lists.rows, expected, strict=True))
    one_by_one = sum(
        recommend(run, user_of(run, int(user_id)), top=LISTED).rows == tuple(rows.tolist())
        for user_id, rows in zip(run.artifacts.user_ids, expected, strict=True)
    )
    return Row(
        f"against the trained model's own scores, the best {LISTED} of each of {len(expected):,} users",
        f"{same:,} lists the same at once and {one_by_one:,} one by one; scores differ by {off:.0e} at most",
        "all, 1e-4",
    )


def model_scores(bench: Bench, run: Run) -> npt.NDArray[np.float32]:
    """[n_users, n_movies], of each user at their last training rating."""
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    from movierec_cli.models.feature_encodings import fit_features
    from movierec_cli.models.two_tower.query_batches import last_queries
    from movierec_cli.models.two_tower.tower_training import prepare

    config = run.record.config
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), config.split)
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    prepared = prepare(dataset, split.fit, config, vocabularies)
    prepared.model.set_weights([run.artifacts.weights[name] for name in sorted(run.artifacts.weights)])
    users = last_queries(dataset, split.fit, vocabularies)
    queries = prepared.model.embed_queries(users, prepared.seen)
    exact = queries.astype(np.float64) @ prepared.model.embed_movies().astype(np.float64).T
    return exact.astype(np.float32)


def _recommended(run: Run, *args: str) -> Finished:
    folder = str(run.folder.parent.resolve())
    return movierec("recommend", "--model", run.record.name, "--saved_models_dir", folder, *args)
