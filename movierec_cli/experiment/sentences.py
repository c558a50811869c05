"""The answer in sentences: does it work, which features help, and how sure is that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from movierec_cli.config import (
    FEATURES,
    NO_FEATURES,
    PUBLISHED_SPLITS,
    QUERY_TIME,
    FeatureSet,
    SplitConfig,
    SplitKind,
    time_features,
)
from movierec_cli.evaluation.ablation import FeatureGain, pairs_differing_in
from movierec_cli.evaluation.significance import Interval, PairedDifference, by_pair
from movierec_cli.experiment.study import ComparedModel, trained_alike
from movierec_cli.experiment.wording import POINTS, percent
from movierec_cli.text import listed

_FOUND = dict.fromkeys(SplitKind, "of the {noun}s held out from its users") | {
    SplitKind.TEMPORAL: "of what its users {choose} next",
    SplitKind.LEAVE_LAST: "of the last {noun}s of its users",
}


def answer(
    models: Sequence[ComparedModel],
    differences: Sequence[PairedDifference],
    ablation: Sequence[FeatureGain],
    split: SplitConfig,
    headline: str,
) -> tuple[str, ...]:
    """Sentences for people, the most important first: against the baselines, each feature, what to beware of.

    Args:
        models: trained sets and baselines, one or more.
        differences: of the headline metric, all pairs with a trained set in them, either way round.
        ablation: each feature's gain over the pairs of sets that differ only in it.
        split: how the ratings were divided.
        headline: the metric that decides, such as "recall@100"; a fraction of 0 … 1 that every model has.

    Raises:
        KeyError: a pair's difference, or a model's headline metric, is missing.
    """
    comparison = _Comparison(tuple(models), tuple(differences), headline)
    return (
        _first_sentence(comparison, split),
        *_averages(ablation, headline),
        *_features(comparison),
        *_caveats(comparison, split),
    )


def warnings(
    models: Sequence[ComparedModel], differences: Sequence[PairedDifference], headline: str
) -> tuple[str, ...]:
    """A sentence for each trained set and each baseline that it does not beat; `answer` has the arguments."""
    comparison = _Comparison(tuple(models), tuple(differences), headline)
    return tuple(
        _warning(comparison, trained, baseline)
        for trained in comparison.trained
        for baseline in comparison.unbeaten_by(trained)
    )


@dataclass(frozen=True)
class _Comparison:
    models: tuple[ComparedModel, ...]
    differences: tuple[PairedDifference, ...]
    headline: str

    @property
    def noun(self) -> str:
        return self.models[0].records[0].data.noun

    @property
    def choose(self) -> str:
        return "watch" if self.noun == "movie" else "pick"

    @cached_property
    def trained(self) -> tuple[ComparedModel, ...]:
        return tuple(model for model in self.models if not model.is_baseline)

    @cached_property
    def baselines(self) -> tuple[ComparedModel, ...]:
        return tuple(model for model in self.models if model.is_baseline)

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], PairedDifference]:
        return by_pair(self.differences)

    def between(self, a: ComparedModel, b: ComparedModel) -> PairedDifference:
        return self._by_pair[a.label, b.label]

    def mean(self, model: ComparedModel) -> float:
        return model.metrics[self.headline].mean

    def unbeaten_by(self, trained: ComparedModel) -> tuple[ComparedModel, ...]:
        return tuple(one for one in self.baselines if not self.between(trained, one).is_higher)

    @cached_property
    def ranked(self) -> tuple[ComparedModel, ...]:
        """Trained sets, best first: what beats more baselines is better, then what has the higher mean."""
        key = {one.label: (-len(self.unbeaten_by(one)), self.mean(one)) for one in self.trained}
        return tuple(sorted(self.trained, key=lambda one: key[one.label], reverse=True))

    def strongest(self, models: Sequence[ComparedModel]) -> ComparedModel:
        return max(models, key=self.mean)


def _name(model: ComparedModel) -> str:
    """As a sentence names it: "None" by itself would be misread."""
    no_features = not model.is_baseline and model.label == NO_FEATURES.label
    return f"{model.label} (ids alone)" if no_features else model.label


def _first_sentence(comparison: _Comparison, split: SplitConfig) -> str:
    where = f"{split.where}, "
    if not comparison.trained:
        best = comparison.strongest(comparison.baselines)
        found = _found(comparison, best, split.kind)
        return f"No feature set is here: {where}the best baseline is {_name(best)}, which {found}."
    best = comparison.ranked[0]
    verdict = _verdict(comparison, best)
    subject = "it" if verdict and len(comparison.trained) == 1 else _name(best)
    found = f"{subject} {_found(comparison, best, split.kind)}{_against_baselines(comparison, best)}"
    sentence = f"{verdict}{where}{found}."
    return sentence if verdict else f"{sentence[0].upper()}{sentence[1:]}"


def _found(comparison: _Comparison, model: ComparedModel, kind: SplitKind) -> str:
    """What a model reaches, as a predicate."""
    metric, _, k = comparison.headline.partition("@")
    value = model.metrics[comparison.headline]
    bounds = f"95 % CI {POINTS.bounds(value)}"
    if metric == "recall":
        of_what = _FOUND[kind].format(noun=comparison.noun, choose=comparison.choose)
        found = f"finds {percent(value.mean)} {of_what} among its {k} best"
        return f"{found} ({comparison.headline}, {bounds})"
    return f"reaches {percent(value.mean)} {comparison.headline} ({bounds})"


def _verdict(comparison: _Comparison, best: ComparedModel) -> str:
    """How the sentence begins where not every baseline is beaten; else empty."""
    missed = comparison.unbeaten_by(best)
    if not missed:
        return ""
    if len(comparison.trained) == 1:
        return f"{_name(best)} does not beat {_names(missed)}: "
    by_nobody = [one for one in missed if all(one in comparison.unbeaten_by(t) for t in comparison.trained)]
    return (
        f"No {_noun(comparison.trained)} here beats {_names(by_nobody) if by_nobody else 'every baseline'}: "
    )


def _noun(trained: Sequence[ComparedModel]) -> str:
    """What the trained ones differ in for people, if in features alone; else what they are."""
    are_sets = len({one.feature_set for one in trained}) == len(trained)
    are_models = any(one.family.is_sequential or not one.is_own for one in trained)
    return "feature set" if are_sets and not are_models else "model"


def _names(models: Sequence[ComparedModel]) -> str:
    return listed((_name(one) for one in models), last="or")


def _against_baselines(comparison: _Comparison, best: ComparedModel) -> str:
    """How far the best set is from the baseline that matters: the strongest, of those not beaten if any."""
    if not comparison.baselines:
        return "; there is no baseline to compare it with (--baselines)"
    missed = comparison.unbeaten_by(best)
    rival = comparison.strongest(missed or comparison.baselines)
    found = comparison.between(best, rival)
    if not missed:
        which = "the best baseline, " if len(comparison.baselines) > 1 else "the baseline "
        return f", {POINTS.amount(found.difference)} more than {which}{_name(rival)}"
    if found.is_lower:
        return f", {POINTS.amount(found.difference)} less than {_name(rival)}"
    return f"; its difference from {_name(rival)} is not significant ({POINTS.with_p(found)})"


def _averages(ablation: Sequence[FeatureGain], headline: str) -> Iterator[str]:
    """A sentence for each feature with several pairs; of a single pair its own sentence tells as much."""
    for one in ablation:
        if one.n_pairs > 1:
            over = f"Averaged over the {one.n_pairs} pairs of sets that differ only in it, {one.feature}"
            yield f"{over} {_average_effect(one.gain, headline)}."


def _average_effect(gain: Interval, headline: str) -> str:
    if gain.low > 0:
        return f"adds {POINTS.amount(gain, of=headline, sign='+')}"
    if gain.high < 0:
        return f"takes away {POINTS.amount(gain, of=headline)}"
    return f"makes no significant difference ({POINTS.difference(gain, of=headline)})"


def _features(comparison: _Comparison) -> Iterator[str]:
    """What each feature does to each set it is added to, or the nearest to that there is."""
    pairs = _feature_pairs(comparison.trained)
    for more, fewer in pairs:
        yield _effect(comparison, more, fewer)
    if not pairs and len(comparison.trained) > 1:
        yield _lead(comparison)


def _feature_pairs(trained: Sequence[ComparedModel]) -> list[tuple[ComparedModel, ComparedModel]]:
    """Sets that differ in one feature, else each set beside that of no features, where it is there."""
    by_set = trained_alike(trained)
    pairs = [pair for feature in FEATURES.values() for pair in pairs_differing_in(feature, by_set)]
    if not pairs and FeatureSet() in by_set:
        pairs = [(one, FeatureSet()) for one in by_set if one.features]
    return [(by_set[more], by_set[fewer]) for more, fewer in pairs]


def _effect(comparison: _Comparison, more: ComparedModel, fewer: ComparedModel) -> str:
    added = [feature for feature in more.feature_set.features if feature not in fewer.feature_set]
    subject, s = (added[0], "s") if len(added) == 1 else (f"{listed(added)} together", "")
    found, metric = comparison.between(more, fewer), comparison.headline
    if found.is_higher:
        return f"{subject} add{s} {POINTS.amount(found.difference, of=metric, sign='+')} to {_name(fewer)}."
    if found.is_lower:
        return f"{subject} take{s} {POINTS.amount(found.difference, of=metric)} from {_name(fewer)}."
    return (
        f"{subject} make{s} no significant difference to {_name(fewer)} ({POINTS.with_p(found, of=metric)})."
    )


def _lead(comparison: _Comparison) -> str:
    best, second, *_ = sorted(comparison.trained, key=comparison.mean, reverse=True)
    found = comparison.between(best, second)
    trained = comparison.trained
    highest = f"Of the {len(trained)} {_noun(trained)}s here, {_name(best)} has the highest"
    if found.is_higher:
        return f"{highest} {comparison.headline}, {POINTS.amount(found.difference)} above {_name(second)}."
    lead = f"but its lead over {_name(second)} is not significant ({POINTS.with_p(found)})"
    return f"{highest} {comparison.headline}, {lead}."


def _caveats(comparison: _Comparison, split: SplitConfig) -> Iterator[str]:
    trained = tuple(one for one in comparison.trained if one.family.is_trained)
    if others := [one.label for one in comparison.models if not one.is_own]:
        are = "was" if len(others) == 1 else "were"
        yield f"{listed(others)} {are} not trained here, but read from files."
    if split.folds:
        yield (
            f"{split.folds}-fold cross-validation: every rating is tested once, by models trained without it;"
            " a user's figure is the mean over the folds that test the user, and the intervals cover users"
            " and folds."
        )
    elif any(len(one.records) == 1 for one in trained):
        noun = "model" if any(one.family.is_sequential for one in trained) else "set"
        yield (
            f"{'Each' if len(trained) > 1 else 'The'} {noun} was trained once: the intervals cover which "
            "users are in the test set, not the randomness of the training; --seeds 3 covers both."
        )
    seeing = [name for name in time_features() if any(name in one.feature_set for one in trained)]
    if split.kind in (SplitKind.RANDOM, SplitKind.WINDOWS, *PUBLISHED_SPLITS) and seeing:
        yield (
            f"{split.where.capitalize()}, {listed(seeing)} let{'s' if len(seeing) == 1 else ''} a model see"
            " the future: it learns from ratings given after those it is tested on; --split temporal does"
            " not."
        )
    if any(QUERY_TIME in one.feature_set for one in trained):
        yield (
            f"{QUERY_TIME} tells a model when the next {comparison.noun} is {comparison.choose}ed, which its "
            "history does not: compare it with models that know the same."
        )


def _warning(comparison: _Comparison, trained: ComparedModel, baseline: ComparedModel) -> str:
    found, metric = comparison.between(trained, baseline), comparison.headline
    reached = f"{percent(comparison.mean(trained))} against {percent(comparison.mean(baseline))}"
    opening = f"'{trained.label}' does not beat {baseline.label} at {metric}: {reached}"
    if found.is_lower:
        return f"{opening} (difference {POINTS.difference(found.difference)})."
    return f"{opening}, which is no significant difference ({POINTS.with_p(found)})."
