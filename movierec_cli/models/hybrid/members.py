"""How many towers a hybrid has, and the seed of each."""

from collections.abc import Sequence
from dataclasses import replace

from movierec_cli.config import Family, SplitKind, TowerConfig
from movierec_cli.config.settings import MAX_SEED
from movierec_cli.registry.record import RunConfig

MOST = 4
"""On a part of 100K's training ratings NDCG@10 of one is .2723 to .2783, of the mean of four .2790.

On the months before 1M's temporal test set (cuts at 10 August, 20 September and 15 November 2000) the mean of
four without weights from item to item has .1284, one has .1218, recall@100 .2841 and .2721.
"""
RATINGS_OF_ALL = dict.fromkeys(SplitKind, 400_000) | {SplitKind.TEMPORAL: 4_000_000}
"""About how many training ratings the towers learn from in sum, where nothing else is set. Where the future
is asked for, the towers count for most of a score."""
_SEED_STEP = 1_000_003  # far from the seeds of the repetitions of a run, which follow one another


def n_members(config: RunConfig, n_ratings: int) -> int:
    """How many towers are trained: what is set, else the fewer, the more training ratings there are.

    Towers of few ratings differ most, and take the least time.
    """
    if config.family != Family.HYBRID:
        return 1
    assert isinstance(config.model, TowerConfig)
    by_size = min(MOST, max(1, round(RATINGS_OF_ALL[config.split.kind] / max(n_ratings, 1))))
    return config.model.members or by_size


def of_members(config: RunConfig, n: int) -> Sequence[RunConfig]:
    """The configurations of the towers, each with a seed of its own: the first has the run's."""
    assert config.training is not None  # the family is trained
    seeds = [(config.training.seed + _SEED_STEP * member) % (MAX_SEED + 1) for member in range(n)]
    return [replace(config, training=replace(config.training, seed=seed)) for seed in seeds]
