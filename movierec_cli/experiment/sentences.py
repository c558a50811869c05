"""The answer in sentences: what is first and where it is not, which features help, and how sure that is."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from movierec_cli.config import NO_FEATURES, QUERY_TIME, FeatureSet, Monitor, SplitConfig, SplitKind
from movierec_cli.evaluation.ablation import FeatureGain, pairs_differing_in
from movierec_cli.evaluation.significance import PairedDifference, by_pair
from movierec_cli.experiment.study import ComparedModel, trained_alike, winner
from movierec_cli.experiment.wording import POINTS, model_name, percent
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunRecord
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
    behind: Mapping[str, PairedDifference] | None = None,
) -> tuple[str, ...]:
    """Sentences for people, the most important first: the verdict, each feature, what to beware of.

    Args:
        models: trained sets and baselines, one or more.
        differences: of the headline metric, all pairs with a trained set in them, either way round.
        ablation: each feature's gain over the pairs of sets that differ only in it.
        split: how the ratings were divided.
        headline: the metric that decides, such as "ndcg@10"; a fraction of 0 … 1 that every model has.
        behind: by other metric, how far what is first by the headline is from another that leads there.

    Raises:
        KeyError: a pair's difference, or a model's headline metric, is missing.
    """
    comparison = _Comparison(tuple(models), tuple(differences), headline)
    return (
        _first_sentence(comparison, split, behind or {}),
        *_features(comparison, ablation),
        *_caveats(comparison, split),
    )


MOST_WORDS = 8
"""Of a verdict."""


def verdict(models: Sequence[ComparedModel], differences: Sequence[PairedDifference], metric: str) -> str:
    """What `answer` says first, in so few words that it is read at a glance.

    Args:
        models: trained ones and baselines, one or more; each has the metric.
        differences: of the metric, as those of `answer`.
        metric: such as "ndcg@10".

    Raises:
        KeyError: a pair's difference, or a model's metric, is missing.
    """
    comparison = _Comparison(tuple(models), tuple(differences), metric)
    first = winner(comparison.models, metric)
    others = comparison.trained if first.is_baseline else comparison.baselines
    named = _of_few_words(first, 2, "A baseline" if first.is_baseline else "The best model")
    if len(models) == 1:
        return f"{named} reaches {percent(comparison.mean(first))} {metric}"
    if not others:
        return f"{named} is first of {len(models)} {'baselines' if first.is_baseline else 'models'}"
    rival = winner(others, metric)
    is_sure = comparison.between(first, rival).is_higher
    if first.is_baseline:
        return f"No model {'beats' if is_sure else 'clearly beats'} {named.replace('A ', 'a ')}, a baseline"
    if not is_sure:
        return f"{named} does not clearly beat {_of_few_words(rival, 2, 'the baselines')}"
    kind = "the best baseline" if len(others) > 1 else "the baseline"
    whole = f"{named} beats {rival.label}, {kind}"
    return whole if len(whole.split()) <= MOST_WORDS else f"{named} beats {kind}"


def _of_few_words(model: ComparedModel, most: int, instead: str) -> str:
    return model.label if len(model.label.split()) <= most and model.label != NO_FEATURES.label else instead


def warnings(
    models: Sequence[ComparedModel], differences: Sequence[PairedDifference], headline: str
) -> tuple[str, ...]:
    """Which trained sets do not beat which baselines, then which might be better if they were trained longer.

    `answer` has the arguments.
    """
    comparison = _Comparison(tuple(models), tuple(differences), headline)
    return (
        *(one for two in map(comparison.unbeaten, comparison.baselines) for one in two),
        *_unfinished(models),
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

    @property
    def noun_of_trained(self) -> str:
        """What is to beat the baselines, in the singular: trained here, or elsewhere as well."""
        return "trained model" if all(one.family.is_trained for one in self.trained) else "model"

    def unbeaten(self, baseline: ComparedModel) -> Iterator[str]:
        """A sentence on the trained ones below a baseline, and one on those that may as well be chance."""
        found = {one.label: self.between(one, baseline) for one in self.trained}
        below = [one for one in self.trained if found[one.label].is_lower]
        equal = [one for one in self.trained if found[one.label].is_nil]
        unclear = [
            one for one in self.trained if not (found[one.label].is_significant or found[one.label].is_nil)
        ]
        verdicts = (("Below", below), ("Equal to", equal), ("Not significantly different from", unclear))
        for verdict, those in verdicts:
            if those:
                named = ", ".join(f"{_name(one)} ({percent(self.mean(one))})" for one in those)
                named = f"every {self.noun_of_trained}" if len(those) == len(self.trained) > 2 else named
                against = f"{baseline.label} in {self.headline} ({percent(self.mean(baseline))})"
                yield f"{verdict} {against}: {named}."


def _name(model: ComparedModel) -> str:
    return model.label if model.is_baseline else model_name(model.label)


def _first_sentence(
    comparison: _Comparison, split: SplitConfig, behind: Mapping[str, PairedDifference]
) -> str:
    """What is first by the metric that decides, how surely, and in which other metrics it is not."""
    first = winner(comparison.models, comparison.headline)
    value = first.metrics[comparison.headline]
    subject = f"{split.where[0].upper()}{split.where[1:]}, {_name(first)}"
    reached, bounds = percent(value.mean), f"(95 % CI {POINTS.bounds(value)})"
    if len(comparison.models) == 1:
        return (
            f"{subject} reaches {reached} {comparison.headline} {bounds}{_against_others(comparison, first)}."
        )
    metric, _, k = comparison.headline.partition("@")
    figure = f" with {reached}"
    if metric == "recall":
        of_what = _FOUND[split.kind].format(noun=comparison.noun, choose=comparison.choose)
        figure = f": it finds {reached} {of_what} among its {k} best"
    parts = (f"{figure} {bounds}{_against_others(comparison, first)}", *_losses(comparison, behind))
    return f"{subject} is first in {comparison.headline}{'; '.join(parts)}."


def _against_others(comparison: _Comparison, first: ComparedModel) -> str:
    """How far the first is above the best of the other kind: trained ones for a baseline, and the reverse."""
    others = comparison.trained if first.is_baseline else comparison.baselines
    if not others:
        none = f"no {comparison.noun_of_trained}" if first.is_baseline else "no baseline"
        return f"; there is {none} to compare it with{'' if first.is_baseline else ' (--baselines)'}"
    rival = winner(others, comparison.headline)
    kind = comparison.noun_of_trained if first.is_baseline else "baseline"
    title = f"the best {kind}, {_name(rival)}" if len(others) > 1 else f"the {kind} {_name(rival)}"
    found = comparison.between(first, rival)
    if found.is_higher:
        return f", {POINTS.amount(found.difference)} more than {title}"
    if found.is_nil:
        return f"; {title} is equal to it for every user"
    return f"; its lead over {title} is not significant ({POINTS.with_p(found)})"


def _losses(comparison: _Comparison, behind: Mapping[str, PairedDifference]) -> Iterator[str]:
    """The metrics in which it is not the first, by who is, those where that is sure before the others."""
    names = {one.label: _name(one) for one in comparison.models}
    for is_sure in (True, False):
        lost = {metric: found for metric, found in behind.items() if found.is_significant is is_sure}
        for leader in dict.fromkeys(found.b for found in lost.values()):
            parts = [
                f"{metric} by {POINTS.amount(found.difference)}"
                if is_sure
                else f"{metric} ({POINTS.with_p(found)})"
                for metric, found in lost.items()
                if found.b == leader
            ]
            yield f"{'' if is_sure else 'not significantly '}behind {names[leader]} in {listed(parts)}"


def _noun(trained: Sequence[ComparedModel]) -> str:
    """What the trained ones differ in for people, if in features alone; else what they are."""
    are_sets = len({one.feature_set for one in trained}) == len(trained)
    are_models = any(one.family.is_sequential or not one.is_own for one in trained)
    return "feature set" if are_sets and not are_models else "model"


def _features(comparison: _Comparison, ablation: Sequence[FeatureGain]) -> Iterator[str]:
    """One verdict on each feature; else on each set beside the ids alone, or on the lead of the best."""
    by_set = trained_alike(comparison.trained)
    for one in ablation:
        if one.n_pairs == 1:
            ((more, fewer),) = pairs_differing_in(one.feature, by_set)
            yield _effect(comparison, by_set[more], by_set[fewer])
        else:
            over = f"Averaged over the {one.n_pairs} pairs of sets that differ only in it, {one.feature}"
            yield f"{over} {_average_effect(one, comparison.headline)}."
    if ablation or len(comparison.trained) < 2:
        return
    if NO_FEATURES in by_set and len(by_set) > 1:
        for features, model in by_set.items():
            if features.features:
                yield _effect(comparison, model, by_set[NO_FEATURES])
    else:
        yield _lead(comparison)


def _average_effect(gain: FeatureGain, headline: str) -> str:
    if gain.is_higher:
        return f"adds {POINTS.amount(gain.difference, of=headline, sign='+')}"
    if gain.is_lower:
        return f"takes away {POINTS.amount(gain.difference, of=headline)}"
    if gain.is_nil:
        return f"makes no difference in {headline}, for any user"
    return f"makes no significant difference ({POINTS.with_p(gain, of=headline)})"


def _unfinished(models: Sequence[ComparedModel]) -> Iterator[str]:
    """Names those whose last epoch was their best: by budget, as the remedy is a larger one."""
    by_budget: dict[int, list[str]] = {}
    for one in models:
        for record in one.records:
            training = record.config.training
            is_last = training is not None and record.best_epoch == record.epochs_run == training.num_epochs
            if training is not None and is_last and _is_highest_last(record):
                by_budget.setdefault(training.num_epochs, []).append(_name(one))
    for budget, names in by_budget.items():
        those, trained = list(dict.fromkeys(names)), [one for one in models if one.family.is_trained]
        named = "every trained model" if len(those) == len(trained) > 2 else ", ".join(those)
        remedy = f"Train longer: --num_epochs {2 * budget}."
        yield f"Still improving at the last epoch, {budget}: {named}. {remedy}"


def _is_highest_last(record: RunRecord) -> bool:
    """Whether the last validation is the best; an epoch can be kept although one before it was higher."""
    ndcgs = [one.ndcg for one in record.history if one.ndcg is not None]
    return record.config.monitor is not Monitor.NDCG or not ndcgs or ndcgs[-1] == max(ndcgs)


def _effect(comparison: _Comparison, more: ComparedModel, fewer: ComparedModel) -> str:
    added = [feature for feature in more.feature_set.features if feature not in fewer.feature_set]
    subject, s = (added[0], "s") if len(added) == 1 else (f"{listed(added)} together", "")
    found, metric = comparison.between(more, fewer), comparison.headline
    if found.is_higher:
        return f"{subject} add{s} {POINTS.amount(found.difference, of=metric, sign='+')} to {_name(fewer)}."
    if found.is_lower:
        return f"{subject} take{s} {POINTS.amount(found.difference, of=metric)} from {_name(fewer)}."
    if found.is_nil:
        return f"{subject} make{s} no difference in {metric} to {_name(fewer)}, for any user."
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
    if found.is_nil:
        return f"{highest} {comparison.headline}, and {_name(second)} is equal to it for every user."
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
    seeing = FeatureSet.union(one.feature_set for one in trained).of_time
    if split.mixes_times and seeing:
        yield (
            f"{split.where.capitalize()}, {listed(seeing)} let{'s' if len(seeing) == 1 else ''} a model see"
            " the future: it learns from ratings given after those it is tested on; --split temporal does"
            " not."
        )
    if split.is_successive and not all(one.family.is_sequential for one in comparison.models):
        yield (
            f"Only models of sequences read what a user {comparison.choose}ed in the test period before a"
            f" target; the others were asked as they were trained, without it."
        )
    if any(QUERY_TIME in one.feature_set for one in trained):
        yield (
            f"{QUERY_TIME} tells a model when the next {comparison.noun} is {comparison.choose}ed, which its "
            "history does not: compare it with models that know the same."
        )
