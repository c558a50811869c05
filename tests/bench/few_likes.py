"""New users who name a few movies that they like, in EASE: folded in, against the plain sum of weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.ease import EASE
from movierec_cli.models.baselines.fit_baseline import kept_parts
from movierec_cli.scoring.item_scorer import ItemSums
from movierec_cli.scoring.item_weights import WeightsInMemory
from tests.bench.baselines import divided
from tests.bench.rows import Bench, Row

PENALTIES = {"ml-100k.zip": 400.0, "ml-1m.zip": 800.0}  # what validation chooses
N_LIKED = (1, 2, 3, 5, 10, 20, 50)
LIKED_STARS = 4
FOLDS = 5  # of the users, each left out of a fit
MOST_USERS = 200  # of a fold that are asked for
FEWEST_OTHERS = 5  # liked movies that are looked for
TOP = 10
SEED = 0

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NewUser:
    """What somebody likes: what is told, and what is looked for."""

    named: Rows
    others: Rows


def measure_few_likes(bench: Bench) -> Iterator[Row]:
    """Recall@10 of the other movies that they like; nothing of the test part is looked at."""
    for archive, l2 in PENALTIES.items():
        dataset, split = divided(DataConfig(archive=bench.find(archive)), SplitConfig())
        order = np.random.default_rng(SEED).permutation(len(dataset.users))
        found: dict[int, list[tuple[float, float]]] = {n: [] for n in N_LIKED}
        for left_out in np.array_split(order, FOLDS):
            is_new = np.isin(dataset.ratings.user_index, left_out)
            scorer = _fitted(dataset, split.fit[~is_new[split.fit]], l2)
            liked = _liked(dataset, split.fit[is_new[split.fit]])
            for n, pairs in found.items():
                pairs += [
                    (recall(scorer.of_new_user(user.named), user), recall(scorer, user))
                    for user in parted(liked, n)
                ]
        yield from (_row(archive.removesuffix(".zip"), n, np.array(pairs)) for n, pairs in found.items())


def _row(data: str, n: int, pairs: npt.NDArray[np.float64]) -> Row:
    """Of users' recall folded in and by the plain sum: [n_users, 2]."""
    folded, plain = pairs.mean(axis=0)
    half = 1.96 * (pairs[:, 0] - pairs[:, 1]).std() / np.sqrt(len(pairs))
    return Row(
        f"{data}, EASE: recall@{TOP} of {len(pairs)} new users by {n} liked",
        f"{folded:.4f}, {folded - plain:+.4f} ± {half:.4f}",
        "no measurable loss",
        f"{plain:.4f}, the plain sum of weights",
    )


def _fitted(dataset: Dataset, rows: Rows, l2: float) -> ItemSums:
    kept = EASE.prepare(TrainingRatings.of(dataset, rows))({"l2": l2}).kept
    parts = kept_parts(dataset, rows, kept)
    assert parts.histories is not None and parts.item_weights is not None
    known, weights = parts.histories, parts.item_weights
    return ItemSums(known, kept.popularity, WeightsInMemory(known, weights))


def _liked(dataset: Dataset, rows: Rows) -> list[Rows]:
    ratings = dataset.ratings
    rows = rows[ratings.rating[rows] >= LIKED_STARS]
    owners, movies = ratings.user_index[rows], ratings.movie_index[rows].astype(np.int64)
    return [movies[owners == user] for user in np.unique(owners)]


def parted(liked: Sequence[Rows], n: int) -> list[NewUser]:
    """Some users by n of the movies that they like, at random."""
    rng = np.random.default_rng(SEED)
    mixed = [rng.permutation(movies) for movies in liked if len(movies) >= n + FEWEST_OTHERS]
    return [NewUser(movies[:n], movies[n:]) for movies in mixed[:MOST_USERS]]


def recall(scorer: ItemSums, user: NewUser) -> float:
    """Of at most ten of the others, the fraction among the ten best."""
    vector = np.zeros((1, len(scorer.popularity)), np.float32)
    vector[0, user.named] = 1
    scores = scorer.scores(vector)[0]
    scores[user.named] = -np.inf
    best = np.argsort(-scores, kind="stable")[:TOP]
    return float(np.isin(best, user.others).sum() / min(TOP, len(user.others)))
