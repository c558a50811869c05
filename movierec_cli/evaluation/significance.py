"""Whether a difference between models is significant.

Everything here is a weighted sum of models' means: one mean, a difference of two, a feature's gain over
several pairs. Randomness comes from two sources, and both are in the intervals and in the tests:

- **which users are in the test set**: users are resampled with replacement, the same ones for every model, so
  that differences are paired;
- **how a training happened to go**, where a model was trained with several seeds. Resampling two or
  three seeds would give too narrow an interval (three draws understate a variance by a third and have heavy
  tails), so their variance component is estimated and taken in with Student's t instead.

In a cross-validation a row is a fold in place of a seed, the same for every model, and NaN where it does
not test a user. A user's value is the mean over the folds that do, so users stay independent of each other.
The folds' component is that of the sum itself, as what a fold has of easy ratings is in all models alike.
Models of two folds share most of their training ratings, so their scatter shows too little of the randomness
of training data: the component counts 1 + K / (K − 1) times, for K folds (Nadeau & Bengio 2003, "Inference
for the Generalization Error", the corrected resampled t-test; no estimate is unbiased: Bengio & Grandvalet
2004, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation").
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

CONFIDENCE = 0.95
N_RESAMPLES = 2000

Values = npt.NDArray[np.float64]
"""A metric's value for each user, one row a seed: [n_seeds, n_users]. A baseline has one row.

In a cross-validation one row a fold, of a baseline as well; NaN where the fold does not test the user.
"""

Key = TypeVar("Key", bound=Hashable)
Other = TypeVar("Other", bound=Hashable)

_DRAWN_AT_ONCE = 1_500_000  # users; 12 MB of counts
_UPPER = (1 + CONFIDENCE) / 2
_NORMAL_QUANTILE = NormalDist().inv_cdf(_UPPER)


LEVEL = 0.05
"""Of the corrected p-value, below which a difference is significant."""


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


class Tested:
    """A difference of means with its paired test: the one verdict on it, wherever it is told."""

    difference: Interval
    p_value: float  # two-sided, as it is
    p_holm: float  # corrected over the family: all that was compared together

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes 0 and the corrected p-value is below `LEVEL`."""
        return self.p_holm < LEVEL and not self.difference.low <= 0 <= self.difference.high

    @property
    def is_nil(self) -> bool:
        """Whether there is no difference at all: the figures of all users are equal."""
        return self.difference.low == self.difference.mean == self.difference.high == 0

    @property
    def is_higher(self) -> bool:
        """Whether the difference is significantly above 0."""
        return self.is_significant and self.difference.low > 0

    @property
    def is_lower(self) -> bool:
        """Whether the difference is significantly below 0."""
        return self.is_significant and self.difference.high < 0


@dataclass(frozen=True)
class MeanDifference(Tested):
    """The mean of the differences of several pairs."""

    difference: Interval
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class PairedDifference(Tested):
    """How much model `a` is above model `b`, on the same users."""

    a: str
    b: str
    difference: Interval  # of a − b
    p_value: float
    p_holm: float

    @property
    def reversed(self) -> PairedDifference:
        """How much `b` is above `a`."""
        own = self.difference
        opposite = Interval(-own.mean, -own.high, -own.low)
        return PairedDifference(self.b, self.a, opposite, self.p_value, self.p_holm)


def by_pair(differences: Iterable[PairedDifference]) -> dict[tuple[str, str], PairedDifference]:
    """The differences by the labels of their models, each in both directions."""
    both = (pair for one in differences for pair in (one, one.reversed))
    return {(one.a, one.b): one for one in both}


def mean_intervals(
    values: Mapping[Key, Values], *, folds: bool = False, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[Key, Interval]:
    """Means over users and seeds with their 95 % intervals: `values` are [n_seeds, n_users] each.

    Of many at once, such as every metric of every model: the resamples are drawn once. With `folds` a row is
    a fold.

    Raises:
        ValueError: there are no users, or not the same number in each.
    """
    sums = weighted_sums(values, np.eye(len(values)), folds=folds, n_resamples=n_resamples, seed=seed)
    return dict(zip(values, sums.intervals, strict=True))


def compare(
    values: Mapping[str, Values],
    pairs: Sequence[tuple[str, str]],
    *,
    folds: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[PairedDifference, ...]:
    """How much the first of each pair is above the second, with interval and tests.

    Args:
        values: of each model, [n_seeds, n_users], the same users in the same order.
        pairs: labels of `values`; Holm's correction is over all of them.
        folds: whether a row is a fold of a cross-validation.
        n_resamples: of users.
        seed: of the resamples.

    Raises:
        ValueError: a pair names no model, or the users are none or not as many in each.
    """
    found = compare_means(
        values, [(pair,) for pair in pairs], folds=folds, n_resamples=n_resamples, seed=seed
    )
    return tuple(
        PairedDifference(a, b, one.difference, one.p_value, one.p_holm)
        for (a, b), one in zip(pairs, found, strict=True)
    )


def compare_means(
    values: Mapping[Key, Values],
    groups: Sequence[Sequence[tuple[Key, Key]]],
    *,
    folds: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[MeanDifference, ...]:
    """The same of the mean over each group of pairs; Holm's correction is over all groups."""
    places = {key: place for place, key in enumerate(values)}
    if missing := [key for group in groups for pair in group for key in pair if key not in places]:
        raise ValueError(f"{missing[0]} is not in the values")
    weights = np.zeros((len(groups), len(places)))
    for row, group in enumerate(groups):
        for a, b in group:
            weights[row, places[a]] += 1 / len(group)
            weights[row, places[b]] -= 1 / len(group)
    sums = weighted_sums(values, weights, folds=folds, n_resamples=n_resamples, seed=seed)
    return tuple(map(MeanDifference, sums.intervals, sums.p_values, holm(sums.p_values)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Corrects p-values so that one false alarm among them all has at most the level's probability.

    The i-th smallest of m is multiplied by m − i + 1, then none may be below a smaller one's, nor above 1
    (Holm 1979, "A simple sequentially rejective multiple test procedure").
    """
    p = np.asarray(p_values, np.float64)  # [m]
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return tuple(corrected.tolist())


class Resampled(Mapping[Key, Values]):
    """Models' values, whose users are resampled once for all that is asked of them.

    Drawing is nearly all that intervals take: of many metrics, put them in together and ask for parts.

    Args:
        values: of each model, [n_seeds, n_users], the same users in the same order.
        folds: whether a row is a fold of a cross-validation, the same one in every model.
        n_resamples: of users.
        seed: of the resamples.

    Raises:
        ValueError: there are no users, or not the same number in each.
    """

    def __init__(
        self,
        values: Mapping[Key, Values],
        *,
        folds: bool = False,
        n_resamples: int = N_RESAMPLES,
        seed: int = 0,
    ):
        _check(values)
        self.folds = folds
        mean = np.nanmean if folds else np.mean
        self.of_users = np.stack([mean(rows, axis=0) for rows in values.values()])  # [n_models, n_users]
        self.means = _resampled_means(self.of_users, n_resamples, seed)  # [n_resamples, n_models]
        self._values = dict(values)

    def __getitem__(self, key: Key) -> Values:
        return self._values[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def part(self, keys: Mapping[Other, Key]) -> Resampled[Other]:
        """Some of the models, by other keys."""
        part: Resampled[Other] = Resampled.__new__(Resampled)
        places = [list(self._values).index(key) for key in keys.values()]
        part.folds, part._values = self.folds, {other: self._values[key] for other, key in keys.items()}
        part.of_users, part.means = self.of_users[places], self.means[:, places]
        return part


@dataclass(frozen=True)
class WeightedSums:
    """What is known of each weighted sum of the models' means, one entry a row of weights."""

    intervals: tuple[Interval, ...]
    p_values: tuple[float, ...]  # two-sided, of the sum being 0


def weighted_sums(
    values: Mapping[Key, Values],
    weights: npt.NDArray[np.float64],
    *,
    folds: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> WeightedSums:
    """Intervals and tests of weighted sums of the models' means over users and seeds.

    Args:
        values: see `Resampled`, which says the rest where it is one.
        weights: of the models in their order, [n_sums, n_models].
        folds: see there.
        n_resamples: see there.
        seed: see there.

    Raises:
        ValueError: there are no users, or not the same number in each.
    """
    if not isinstance(values, Resampled):
        values = Resampled(values, folds=folds, n_resamples=n_resamples, seed=seed)
    of_users = values.of_users
    if values.folds:
        noise = [_fold_noise(_weighted(list(values.values()), row)) for row in weights]
        errors = _standard_errors(weights @ of_users, np.eye(len(weights)), noise)
    else:
        noise = [_seed_noise(rows) for rows in values.values()]
        errors = _standard_errors(weights @ of_users, weights, noise)
    means = weights @ of_users.mean(axis=1)  # [n_sums]
    resampled = values.means @ weights.T  # [n_resamples, n_sums]
    bounds = np.quantile(resampled, [1 - _UPPER, _UPPER], axis=0)  # [2, n_sums]
    low, high = means - errors.reach(means - bounds[0]), means + errors.reach(bounds[1] - means)
    intervals = zip(means.tolist(), low.tolist(), high.tolist(), strict=True)
    return WeightedSums(tuple(Interval(*one) for one in intervals), errors.p_values(means))


def _check(values: Mapping[Key, Values]) -> None:
    shapes = {key: np.shape(rows) for key, rows in values.items()}
    if any(len(shape) != 2 or 0 in shape for shape in shapes.values()):
        raise ValueError(f"values are [n_seeds, n_users], one or more of each; these are {shapes}")
    if len({shape[1] for shape in shapes.values()}) > 1:
        raise ValueError(f"models are compared on the same users; these have {shapes}")


def _resampled_means(of_users: Values, n_resamples: int, seed: int) -> Values:
    """Means over users drawn with replacement, the same users for every row: [n_resamples, n_rows]."""
    generator = np.random.default_rng(seed)
    n_users = of_users.shape[1]
    at_once = max(_DRAWN_AT_ONCE // n_users, 1)
    means = []
    for start in range(0, n_resamples, at_once):
        n = min(at_once, n_resamples - start)
        drawn = generator.integers(0, n_users, (n, n_users)) + n_users * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * n_users).reshape(n, n_users)
        means.append(times.astype(np.float64) @ of_users.T / n_users)  # [n, n_rows]
    return np.concatenate(means)


@dataclass(frozen=True)
class _SeedNoise:
    """How far a model's mean moves with the seeds of its training."""

    variance: float  # of the mean over seeds, without what resampling users already shows
    mean_square: float  # the same with it: what was observed
    freedom: int  # degrees of freedom of the observed


def _seed_noise(values: Values) -> _SeedNoise:
    """The seeds' component of a two-way layout of users and seeds (Searle, "Variance Components", ch. 4).

    The means of the seeds differ by the seeds' own effect and by chance of each user under each seed. The
    latter is in the differences between users too, so it is subtracted, as far as it goes.
    """
    n_seeds, n_users = values.shape
    if n_seeds == 1:
        return _SeedNoise(0.0, 0.0, 1)
    of_seeds = values.mean(axis=1, keepdims=True)  # [n_seeds, 1]
    rest = values - of_seeds - values.mean(axis=0) + of_seeds.mean()  # [n_seeds, n_users]
    freedom = n_seeds - 1
    interaction = float((rest**2).sum()) / (freedom * max(n_users - 1, 1))
    mean_square = float(of_seeds.var(ddof=1)) / n_seeds
    return _SeedNoise(max(mean_square - interaction / (n_seeds * n_users), 0.0), mean_square, freedom)


def _weighted(values: Sequence[Values], weights: Values) -> Values:
    """The sum of the models' values in each fold: [n_folds, n_users]."""
    total: Values = sum(weight * rows for weight, rows in zip(weights, values, strict=True) if weight)
    return total


def _fold_noise(values: Values) -> _SeedNoise:
    """The folds' component, as that of seeds, in a layout with gaps: what users share who a fold tests.

    It is estimated from the users whom several folds test; there is none where there are no such users.
    """
    n_folds = len(values)
    values = values[:, np.isfinite(values).sum(axis=0) > 1]
    n_tested = np.isfinite(values).sum(axis=1)  # [n_folds]
    freedom = int(n_tested.sum()) - values.shape[1] - n_folds + 1  # of what is left
    if freedom <= 0 or not n_tested.all():
        return _SeedNoise(0.0, 0.0, 1)
    apart = values - np.nanmean(values, axis=0)  # without what is the user's own
    of_folds = np.nanmean(apart, axis=1, keepdims=True)  # [n_folds, 1]
    interaction = float(np.nansum((apart - of_folds) ** 2)) / freedom
    mean_square = float(of_folds.var(ddof=1)) / n_folds
    own = max(mean_square - interaction * float((1 / n_tested).mean()) / n_folds, 0.0)
    variance = own * (1 + n_folds / (n_folds - 1))
    return _SeedNoise(variance, max(variance, mean_square), n_folds - 1)


@dataclass(frozen=True)
class _StandardErrors:
    """Of weighted sums, [n_sums] each."""

    seed_variance: Values
    total_variance: Values  # of users and seeds
    freedom: Values  # of Student's t
    n_users: int

    def reach(self, user_reach: Values) -> Values:
        """How far an interval reaches from the mean, given how far it does by resampling users.

        Resampling n users understates their variance by (n − 1) / n, and its quantiles are the normal
        distribution's where Student's are due; widening mends both (Hesterberg 2015, "What Teachers Should
        Know About the Bootstrap", the expanded percentile interval). The seeds' part is added in squares.
        """
        from scipy import special

        of_users = np.maximum(user_reach, 0.0) ** 2 * (self.n_users / max(self.n_users - 1, 1))
        student = special.stdtrit(self.freedom, _UPPER)
        reach: Values = student * np.sqrt(of_users / _NORMAL_QUANTILE**2 + self.seed_variance)
        return reach

    def p_values(self, means: Values) -> tuple[float, ...]:
        """Of the paired t-test; with several seeds its error covers them as well.

        The t-test and the sign-flip randomization test agree on such data (Smucker, Allan & Carterette
        2007, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation"), but
        flipping B times can tell nothing below 1 / B, which is too coarse to be corrected over many pairs,
        and knows nothing of seeds. No p is below 2^(1 − n_users), which is the least that flipping signs in
        every way could give, so a handful of users who happen to agree proves little; nor is it ever 0.
        """
        from scipy import special

        error = np.sqrt(self.total_variance)
        certain = np.where(means == 0, 0.0, np.inf)
        t = np.divide(np.abs(means), error, out=certain, where=error > 0)
        least = 2.0 ** max(1 - self.n_users, np.finfo(np.float64).minexp)
        return tuple(np.maximum(2 * special.stdtr(self.freedom, -t), least).tolist())


def _standard_errors(of_users: Values, weights: Values, seeds: Sequence[_SeedNoise]) -> _StandardErrors:
    """Errors of sums over models; `of_users` is each user's weighted sum, [n_sums, n_users].

    Degrees of freedom after Satterthwaite (1946): the users' and each model's seeds' mean squares.
    """
    n_users = of_users.shape[1]
    user_freedom = max(n_users - 1, 1)
    user_variance = of_users.var(axis=1) / user_freedom  # [n_sums]
    seed_variance = weights**2 @ np.array([noise.variance for noise in seeds])
    total = user_variance + seed_variance
    uncertainty = user_variance**2 / user_freedom
    uncertainty += weights**4 @ np.array([noise.mean_square**2 / noise.freedom for noise in seeds])
    freedom = np.divide(total**2, uncertainty, out=np.ones_like(total), where=uncertainty > 0)
    freedom = np.maximum(freedom, 1.0)
    return _StandardErrors(seed_variance, total, freedom, n_users)
