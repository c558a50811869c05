"""How well ratings are predicted, in sentences: against the baselines, and what two tasks cost each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from movierec_cli.config import Family, Task
from movierec_cli.evaluation.significance import PairedDifference, by_pair
from movierec_cli.experiment.study import Compared, ComparedModel, ComparedRatingModel, tasks_of
from movierec_cli.experiment.wording import POINTS, STARS, Unit, stars
from movierec_cli.registry.record import RunConfig


def rating_answer(
    models: Sequence[ComparedRatingModel],
    differences: Sequence[PairedDifference],
    ranking: Sequence[ComparedModel],
    ranking_differences: Sequence[PairedDifference],
    headline: str,
) -> tuple[str, ...]:
    """Sentences for people, the most important first: the best, then each joint model beside its specialists.

    Args:
        models: one or more.
        differences: of the RMSE, all pairs with a trained one in them, either way round.
        ranking: how models rank, the same models by the same labels.
        ranking_differences: of the headline metric, likewise.
        headline: the metric that decides among rankings, such as "recall@100".

    Raises:
        KeyError: a difference that a sentence needs is missing.
    """
    ratings, ranks = by_pair(differences), by_pair(ranking_differences)
    beside = _beside_specialists(models, ranking, ratings, ranks, headline)
    return (_first_sentence(models, ratings), *beside)


_Differences = Mapping[tuple[str, str], PairedDifference]


def _first_sentence(models: Sequence[ComparedRatingModel], ratings: _Differences) -> str:
    trained = [one for one in models if not one.is_baseline]
    baselines = [one for one in models if one.is_baseline]
    best, several = _best(trained or baselines), len(trained) > 1
    if not trained:
        return f"No trained model here predicts ratings; of the baselines, {best.label} {_is_off(best)}."
    lead = f"Ratings are predicted best by {best.label}: it" if several else f"{best.label}"
    if not baselines:
        return f"{lead} {_is_off(best)}; there is no rating baseline to compare it with."
    rival = _best(baselines)
    found = ratings[best.label, rival.label]
    if not found.is_lower:
        verdict = "No model here beats" if several else f"{best.label} does not beat"
        lead = f"{verdict} {rival.label} at predicting ratings: {best.label if several else 'it'}"
    against = _against(found, "the best rating baseline" if baselines[1:] else "", _unit(best))
    return f"{lead} {_is_off(best)}{against}."


def _best(models: Sequence[ComparedRatingModel]) -> ComparedRatingModel:
    return min(models, key=lambda one: one.rmse.mean)


def _is_off(one: ComparedRatingModel) -> str:
    """The error, as a predicate."""
    unit = _unit(one)
    rmse = f"RMSE, 95 % CI {unit.bounds(one.rmse)}"
    return f"is off by {stars(one.rmse.mean)} {unit.noun} ({rmse}; MAE {stars(one.mae.mean)})"


def _unit(one: ComparedRatingModel) -> Unit:
    return replace(STARS, noun=one.records[0].data.rating_unit)


def _against(found: PairedDifference, title: str, unit: Unit) -> str:
    """How far the first of a pair is from the second, which may have a title."""
    if found.is_nil:
        return f"; {found.b} is off by the same for every user"
    if not found.is_significant:
        return f"; its difference from {found.b} is not significant ({unit.with_p(found)})"
    less = "less" if found.difference.mean < 0 else "more"
    return f", {unit.amount(found.difference)} {less} than {found.b}{title and f', {title}'}"


def _beside_specialists(
    models: Sequence[ComparedRatingModel],
    ranking: Sequence[ComparedModel],
    ratings: _Differences,
    ranks: _Differences,
    headline: str,
) -> Iterator[str]:
    """A sentence for each way of training in which a joint model stands beside models of one of its tasks."""
    ranked = {one.label: one.metrics[headline].mean for one in ranking}
    for way in dict.fromkeys(_way(one) for one in models if not one.is_baseline):
        own = [one for one in models if one.label in ranked and _way(one) == way]
        joints = [one for one in own if tasks_of(one) == {Task.RETRIEVAL, Task.RATING}]
        of_rating = [one for one in own if tasks_of(one) == {Task.RATING}]
        of_retrieval = [one for one in ranking if _way(one) == way and tasks_of(one) == {Task.RETRIEVAL}]
        if not joints or not (of_rating or of_retrieval):
            continue
        label, parts = _most_balanced(joints, ranked).label, []
        if of_rating:
            parts.append(
                _beside("RMSE", _unit(joints[0]), ratings[label, _best(of_rating).label], Task.RATING)
            )
        if of_retrieval:
            best = max(of_retrieval, key=lambda one: ranked[one.label])
            parts.append(_beside(headline, POINTS, ranks[label, best.label], Task.RETRIEVAL))
        yield f"Both tasks in one model, {label}: {'; '.join(parts)}."


def _way(one: Compared) -> RunConfig:
    """Equal for models that differ in their tasks only."""
    return replace(one.records[0].config.repeated, family=Family.TWO_TOWER, tasks=None)


def _most_balanced(joints: Sequence[ComparedRatingModel], ranked: Mapping[str, float]) -> ComparedRatingModel:
    """The one with the least to lose on both figures, each as a share of the best joint model's."""
    rmse = min(one.rmse.mean for one in joints)
    reached = max(ranked[one.label] for one in joints)

    def loss(one: ComparedRatingModel) -> float:
        return (one.rmse.mean - rmse) / (rmse or 1) + (reached - ranked[one.label]) / (reached or 1)

    return min(joints, key=loss)


def _beside(metric: str, unit: Unit, found: PairedDifference, task: Task) -> str:
    """What a metric is beside that of a model with this task alone."""
    other = f"that of {task} alone"
    if found.is_significant:
        side = "above" if found.difference.mean > 0 else "below"
        return f"its {metric} is {unit.amount(found.difference)} {side} {other}"
    return f"its {metric} does not differ significantly from {other} ({unit.with_p(found)})"
