"""What each feature adds, over everything that was trained with and without it."""

from collections.abc import Iterable, Mapping, Sequence

from movierec_cli.config import Feature, FeatureSet
from movierec_cli.evaluation.significance import (
    Interval,
    PairedDifference,
    Tested,
    Values,
    by_pair,
    compare_means,
)
from movierec_cli.records import dataclass

SetPair = tuple[FeatureSet, FeatureSet]


@dataclass(frozen=True, kw_only=True)
class FeatureGain(Tested):
    """What a feature adds, averaged over the pairs of sets that differ only in it.

    The interval is of that mean, over users and seeds: it says how surely the feature helps these sets,
    not how much it would help others.
    """

    feature: Feature
    difference: Interval  # of the metric that decides, with the feature less without it
    p_value: float
    p_holm: float
    n_pairs: int


def compare_features(
    values: Mapping[str, Values],
    pairs: Sequence[tuple[str, str]],
    sets: Mapping[FeatureSet, str],
) -> tuple[tuple[PairedDifference, ...], tuple[FeatureGain, ...]]:
    """How models differ, and what each feature adds: one family for Holm's correction.

    A feature with one pair of sets is that pair's comparison, and counts once.

    Args:
        values: of each model, [n_seeds, n_users], the same users in the same order; see `Resampled`.
        pairs: labels of `values`: every two of `sets`, and others.
        sets: labels of the models that differ in features alone.

    Raises:
        ValueError: a pair names no model, or the users are none or not as many in each.
    """
    every = FeatureSet(tuple(feature for one in sets for feature in one.features))
    found = {one: pairs_differing_in(one, sets) for one in every.features}
    of_features = {
        one: [(sets[more], sets[fewer]) for more, fewer in own] for one, own in found.items() if own
    }
    averaged = [feature for feature, own in of_features.items() if len(own) > 1]
    tested = compare_means(values, [*((pair,) for pair in pairs), *(of_features[one] for one in averaged)])
    differences = tuple(
        PairedDifference(*pair, **vars(one)) for pair, one in zip(pairs, tested[: len(pairs)], strict=True)
    )
    of_pairs, averages = by_pair(differences), dict(zip(averaged, tested[len(pairs) :], strict=True))
    return differences, tuple(
        _gain(feature, averages[feature] if feature in averages else of_pairs[own[0]], len(own))
        for feature, own in of_features.items()
    )


def _gain(feature: Feature, found: Tested, n_pairs: int) -> FeatureGain:
    return FeatureGain(
        feature=feature,
        difference=found.difference,
        p_value=found.p_value,
        p_holm=found.p_holm,
        n_pairs=n_pairs,
    )


def pairs_differing_in(feature: Feature, sets: Iterable[FeatureSet]) -> tuple[SetPair, ...]:
    """Each set with the feature beside the same set without it, where both are there."""
    there = list(sets)
    with_it = [one for one in there if feature in one]
    pairs = [(one, FeatureSet(tuple(f for f in one.features if f != feature))) for one in with_it]
    return tuple(pair for pair in pairs if pair[1] in there)
