"""A data set made ready: the ratings that count, and their division into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from movierec_cli.config import SplitConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.restrict import restrict
from movierec_cli.data.split import Split, SplitSummary, split_ratings, summarize_split


@dataclass(frozen=True)
class SplitData:
    """A data set and its split."""

    source: Dataset  # the whole data set
    dataset: Dataset  # what min_rating and k_core leave of it: models are trained and evaluated on this
    config: SplitConfig
    split: Split

    @cached_property
    def summary(self) -> SplitSummary:
        """What the split did."""
        n_left_out = len(self.source.ratings) - len(self.dataset.ratings)
        return summarize_split(self.dataset, self.split, n_left_out)


def split_data(source: Dataset, config: SplitConfig) -> SplitData:
    """Leaves out the ratings that do not count, and divides the others.

    Raises:
        MovierecError: no rating is left, or they cannot be split so.
    """
    dataset = restrict(source, min_rating=config.min_rating, k_core=config.k_core)
    return SplitData(source, dataset, config, split_ratings(dataset.ratings, config))
