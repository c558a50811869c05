"""The hybrid beside EASE where nothing was chosen: on thinned data, and for users whom it never saw."""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, Family, SplitConfig, default_settings
from movierec_cli.data.dataset import Dataset, take
from movierec_cli.data.load import load_dataset
from movierec_cli.data.split_data import SplitData, restrict, split_data
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import metric_values, study_metrics
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.models.baselines.fit_baseline import fit_baseline
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.users import new_user
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from tests.bench.baselines import divided
from tests.bench.fold_in import NewUsers
from tests.bench.rows import Bench, Row, seconds_of
from tests.saved_runs import EmbeddingModel

N_DRAWS = 5
N_USERS = 600  # of 1M
SHARE = 0.5  # of 100K's ratings
NEW_USERS = 0.05  # of 1M's users
SEED = 0
METRICS = [name for name in study_metrics((10, 100)) if "@" in name]

Values = dict[str, npt.NDArray[np.float64]]
"""A metric's value of each user."""


def measure_small(bench: Bench) -> Iterator[Row]:
    """Means over draws, with intervals over users, of data that no default was chosen on."""
    cases: dict[str, tuple[str, Callable[[Dataset, np.random.Generator], Dataset]]] = {
        f"1m thinned to {N_USERS} users": ("ml-1m.zip", of_some_users),
        f"100k with {SHARE:.0%} of its ratings": ("ml-100k.zip", with_some_ratings),
    }
    for what, (archive, thinned) in cases.items():
        source = load_dataset(DataConfig(archive=bench.find(archive)))
        draws = []
        for seed in range(N_DRAWS):
            print(f"{what}, draw {seed}", file=sys.stderr, flush=True)
            draws.append(_both(split_data(thinned(source, np.random.default_rng(seed)), SplitConfig())))
        for name in METRICS:
            yield _row(f"{what}, {N_DRAWS} draws: {name}", name, draws)


def of_some_users(source: Dataset, rng: np.random.Generator) -> Dataset:
    """`N_USERS` of a data set's users at random, and the movies that they rated."""
    users = rng.choice(len(source.users), min(N_USERS, len(source.users)), replace=False)
    return _of_rows(source, np.isin(source.ratings.user_index, users))


def with_some_ratings(source: Dataset, rng: np.random.Generator) -> Dataset:
    """`SHARE` of a data set's ratings at random."""
    return _of_rows(source, rng.random(len(source.ratings)) < SHARE)


def _of_rows(source: Dataset, kept: npt.NDArray[np.bool_]) -> Dataset:
    ratings = take(source.ratings, np.flatnonzero(kept))
    return restrict(replace(source, ratings=ratings), min_rating=None, k_core=1)


def _both(data: SplitData) -> tuple[Outcome, Outcome, npt.NDArray[np.int64]]:
    """Of the hybrid and of EASE on the test set, and the ids of all users."""
    ease = fit_baseline(Family.EASE, data.dataset, data.split).model
    with tempfile.TemporaryDirectory() as folder:
        hybrid = _hybrid(data, Path(folder)).outcome.warm
    of_ease = evaluate(data.dataset, data.split.fit, data.split.test, ease).warm
    return hybrid, of_ease, data.dataset.users.user_id


def _hybrid(data: SplitData, folder: Path) -> Run:
    """With the settings of who names none."""
    usual = default_settings(Family.HYBRID)
    (feature_set,) = usual.feature_sets
    config = RunConfig(
        family=usual.family,
        split=data.config,
        feature_set=feature_set,
        model=usual.model,
        training=usual.training,
    )
    return train_or_load(data, [config], folder, TrainingObserver())[0]


def _row(what: str, name: str, draws: Sequence[tuple[Outcome, Outcome, npt.NDArray[np.int64]]]) -> Row:
    """A user counts by the mean over the draws that they are in, so that users are independent."""
    of_users: dict[int, list[tuple[float, float]]] = defaultdict(list)
    of_draws = []
    for hybrid, ease, ids in draws:
        pairs = np.stack([metric_values(hybrid, name), metric_values(ease, name)], axis=1)
        of_draws.append(pairs.mean(axis=0))
        for user, pair in zip(ids[hybrid.users].tolist(), pairs.tolist(), strict=True):
            of_users[user].append((pair[0], pair[1]))
    means = np.array([np.mean(pairs, axis=0) for pairs in of_users.values()])  # [n_users, 2]
    ours, other = np.mean(of_draws, axis=0)
    ahead = sum(bool(own > of_ease) for own, of_ease in of_draws)
    return Row(
        what,
        f"{ours:.4f}, {difference(means[:, 0], means[:, 1])}, ahead in {ahead} of {len(of_draws)}",
        "ahead of EASE on average",
        f"{other:.4f}, EASE",
    )


def difference(ours: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> str:
    """The mean difference of users' values and its 95 % interval, "+.0123 ± .0045"."""
    gains = ours - other
    half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
    return f"{gains.mean():+.4f} ± {half:.4f}"


def measure_new_users(bench: Bench) -> Iterator[Row]:
    """New users of 1M by all their movies but the test part, in a hybrid and in EASE without them."""
    dataset, split = divided(DataConfig(archive=bench.find("ml-1m.zip")), SplitConfig())
    order = np.random.default_rng(SEED).permutation(len(dataset.users))
    new_users = NewUsers(dataset, split, np.sort(order[: round(len(order) * NEW_USERS)]))
    data = SplitData(dataset, dataset, SplitConfig(), split)
    without = replace(data, split=new_users.without())
    asked = np.sort(new_users.evaluated)
    with tempfile.TemporaryDirectory() as trained, tempfile.TemporaryDirectory() as other:
        run, never_saw = _hybrid(data, Path(trained)), _hybrid(without, Path(other))
        _ = never_saw.item_weights  # all of them, once
        scores, seconds = _asked(never_saw, new_users, asked)
        as_users = _values(new_users, asked, run.scorer.scores(run.scorer.users(asked)))
    as_new = _values(new_users, asked, scores)
    ease = fit_baseline(Family.EASE, dataset, without.split).model
    of_ease = _values(new_users, asked, _folded_in(ease.kept.weights, new_users, asked))
    for name in METRICS:
        yield Row(
            f"1m, hybrid: {name} of {len(asked)} new users by their movies",
            f"{as_new[name].mean():.4f}, {difference(as_new[name], as_users[name])} and"
            f" {difference(as_new[name], of_ease[name])}; {1000 * seconds / len(asked):.0f} ms each",
            "recall@100 not below training with them; NDCG@10 above EASE",
            f"{as_users[name].mean():.4f}, trained with them; {of_ease[name].mean():.4f}, EASE folded in",
        )


def _asked(
    run: Run, new_users: NewUsers, users: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], float]:
    """The scores of new users by what they liked, [n, n_movies], and the seconds that took."""
    found = []

    def ask() -> None:
        for user in users.tolist():
            asked = new_user(run, Opinions(new_users.seen[user].astype(np.int64)))
            found.append(asked.scorer_in(run).scores(asked.embedding[None])[0])

    (seconds,) = seconds_of(ask)
    return np.stack(found), seconds


def _folded_in(weights: object, new_users: NewUsers, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Sums of EASE's weights from each user's movies."""
    assert isinstance(weights, np.ndarray)
    scores: npt.NDArray[np.float32] = np.stack([weights[new_users.seen[user]].sum(axis=0) for user in users])
    return scores


def _values(new_users: NewUsers, users: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> Values:
    """Each metric of each of some users, by their scores [n, n_movies]."""
    dataset, split = new_users.dataset, new_users.split
    of_all = np.zeros((len(dataset.users), scores.shape[1]), np.float32)
    of_all[users] = scores
    model = EmbeddingModel(of_all, np.eye(scores.shape[1], dtype=np.float32))
    rows = split.test[np.isin(dataset.ratings.user_index[split.test], users)]
    outcome = evaluate(dataset, split.fit, rows, model)
    return {name: metric_values(outcome, name) for name in METRICS}
