"""What each feature adds, over everything that was trained with and without it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from movierec_cli.config import FEATURES, Feature, FeatureSet
from movierec_cli.evaluation.significance import Interval, Values, weighted_sums

SetPair = tuple[FeatureSet, FeatureSet]


@dataclass(frozen=True, kw_only=True)
class FeatureGain:
    """What a feature adds, averaged over the pairs of sets that differ only in it."""

    feature: Feature
    gain: Interval  # of the headline metric
    n_pairs: int


def feature_gains(values: Mapping[FeatureSet, Values], *, folds: bool = False) -> tuple[FeatureGain, ...]:
    """The mean difference over all pairs of sets that differ only in a feature, for each that has any.

    The interval is of that mean, over users and seeds: it says how surely the feature helps these sets,
    not how much it would help others.

    Args:
        values: of each set, [n_seeds, n_users], the same users in the same order.
        folds: whether a row is a fold of a cross-validation.

    Raises:
        ValueError: the users are none, or not as many in each set.
    """
    pairs = {one: found for one in FEATURES.values() if (found := pairs_differing_in(one, values))}
    if not pairs:
        return ()
    columns = {one: column for column, one in enumerate(values)}
    weights = np.zeros((len(pairs), len(columns)))
    for row, found in enumerate(pairs.values()):
        for with_it, without in found:  # a set is in one pair at most: with the feature, or without
            weights[row, columns[with_it]] = 1 / len(found)
            weights[row, columns[without]] = -1 / len(found)
    sums = weighted_sums(values, weights, folds=folds)
    return tuple(
        FeatureGain(feature=feature, gain=gain, n_pairs=len(found))
        for (feature, found), gain in zip(pairs.items(), sums.intervals, strict=True)
    )


def pairs_differing_in(feature: Feature, sets: Iterable[FeatureSet]) -> tuple[SetPair, ...]:
    """Each set with the feature beside the same set without it, where both are there."""
    there = list(sets)
    with_it = [one for one in there if feature in one]
    pairs = [(one, FeatureSet(tuple(f for f in one.features if f != feature))) for one in with_it]
    return tuple(pair for pair in pairs if pair[1] in there)
