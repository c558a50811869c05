"""From runs and what they did with the test part to a study."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DEFAULT_TOP_K, Task
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.evaluation.ablation import compare_features
from movierec_cli.evaluation.beyond_accuracy import beyond_accuracy
from movierec_cli.evaluation.metrics import (
    LIST_K,
    TopK,
    deciding_metric,
    mean_top_k,
    parse_metric,
    study_metrics,
    top_k_of,
)
from movierec_cli.evaluation.outcome import LIST_LENGTH
from movierec_cli.evaluation.ratings import mae_values, rmse_values
from movierec_cli.evaluation.segments import SegmentMask, segments
from movierec_cli.evaluation.significance import (
    PairedDifference,
    Resampled,
    compare,
    compare_means,
    mean_intervals,
)
from movierec_cli.experiment.rating_sentences import rating_answer
from movierec_cli.experiment.selection import EvaluatedRatings, EvaluatedRun
from movierec_cli.experiment.sentences import answer, verdict, warnings
from movierec_cli.experiment.study import (
    ComparedModel,
    ComparedRatingModel,
    MetricFindings,
    RatingStudy,
    Segment,
    Study,
    UserLists,
    by_model,
    pairs,
    tasks_of,
    trained_alike,
    winner,
)
from movierec_cli.experiment.user_values import UserValues
from movierec_cli.leakage.finding import Finding
from movierec_cli.text import counted

Values = npt.NDArray[np.float64]


_AT_ONCE = 2
"""Models whose metrics are computed at a time: NumPy uses one core, and each takes 100 bytes a rating."""
_OfAll = Resampled[tuple[str, str]]
"""The values of each metric and model."""


def _of(resampled: _OfAll, metric: str) -> Resampled[str]:
    return resampled.part({label: (of, label) for of, label in resampled if of == metric})


def headline_metric(
    n_movies: int, ks: Sequence[int] = DEFAULT_TOP_K, noun: str = "movie", metric: str | None = None
) -> str:
    """What decides: the metric that is asked for, else NDCG at 10, or at the largest k below ten movies.

    Raises:
        UsageError: every k is as large as the catalogue, or that of the metric is, so that all models would
            find everything; or models are not compared by such a metric.
    """
    telling = _telling(n_movies, ks, noun)
    if metric is None:
        return f"ndcg@{LIST_K if n_movies > LIST_K else max(telling)}"
    name = deciding_metric(metric)
    if parse_metric(name)[1] >= n_movies:
        raise UsageError(
            f"--metric is {name}, but the catalogue has {counted(n_movies, noun)}: among so many every model"
            " finds everything; name a smaller k"
        )
    return name


def _telling(n_movies: int, ks: Sequence[int], noun: str = "movie") -> list[int]:
    """Those of the ks that tell models apart."""
    telling = [k for k in ks if k < n_movies]
    if not telling:
        raise UsageError(
            f"--top_k is {' '.join(map(str, ks))}, but the catalogue has {counted(n_movies, noun)}:"
            " among so many every model finds everything; name a smaller one"
        )
    return telling


def compare_runs(
    data: SplitData,
    evaluated: Sequence[EvaluatedRun],
    *,
    rated: Sequence[EvaluatedRatings] = (),
    findings: Sequence[Finding] = (),
    user_lists: Sequence[UserLists] = (),
    ks: Sequence[int] = DEFAULT_TOP_K,
    metric: str | None = None,
) -> Study:
    """Compares runs on the same test ratings: feature sets, each with all its seeds or folds, and baselines.

    Args:
        data: what the runs were trained on, and the test set that they are compared on.
        evaluated: the runs that rank, in the order in which they are shown; baselines are put last.
        rated: the runs that predict ratings, likewise; one that does both is in either.
        findings: of the leakage check.
        user_lists: recommendations to show.
        ks: the k of the top-k accuracies.
        metric: that decides, see `headline_metric`.

    Raises:
        UsageError: as `headline_metric`.
        MovierecError: no user of the test part has a training rating, or the predicted ratings are of
            different test ratings.
    """
    if evaluated[0].outcome.is_cold_target.all():
        raise MovierecError(
            "none of the users to test has a rating in training, so no model can be evaluated; use another"
            " --split"
        )
    dataset = data.dataset
    groups = by_model(evaluated)
    headline = headline_metric(len(dataset.movies), ks, dataset.noun, metric)
    telling = _telling(len(dataset.movies), ks)
    metrics = dict.fromkeys([headline, *study_metrics(telling)])
    folds = data.config.folds > 0
    if not any(group[0].tells(headline) for group in groups.values()):
        raise MovierecError(f"no list is long enough for {headline}, which decides; give longer ones")
    tested = next(iter(groups.values()))[0].outcome
    masks = segments(dataset, data.split.fit, tested)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda group: _user_values(group, metrics, masks, folds), groups.values())
        values = dict(zip(groups, found, strict=True))
    resampled = Resampled(
        {
            (metric, label): _per_user(group, values[label], metric, folds)
            for metric in metrics
            for label, group in groups.items()
            if group[0].tells(metric)
        },
        folds=folds,
    )
    beyond = _beyond(data, groups, telling)
    models = _compared_models(groups, resampled, beyond, ks)
    placed = [one for one in models if headline in one.metrics]  # a short list does not tell every metric
    sets = {key: model.label for key, model in trained_alike(models).items()}
    differences, ablation = compare_features(_of(resampled, headline), pairs(placed), sets)
    n_users = [int(np.count_nonzero(np.bincount(tested.user_place[mask.targets]))) for mask in masks]
    of_segments = {metric: _segments(masks, n_users, values, metric) for metric in metrics}
    records = [one.run.record for one in (*evaluated, *rated)]
    to_rank = [one for one in placed if Task.RETRIEVAL in tasks_of(one)]  # of the others it need not be good
    return Study(
        data=records[0].data,
        split=data.config,
        split_summary=data.summary,
        headline=headline,
        answer=answer(
            placed, differences, ablation, data.config, headline, _behind(placed, resampled, headline)
        ),
        warnings=warnings(to_rank, differences, headline),
        models=models,
        differences=differences,
        ablation=ablation,
        segments=of_segments[headline],
        findings=tuple(findings),
        user_lists=tuple(user_lists),
        commands=tuple(dict.fromkeys(record.command for record in records if record.command)),
        ratings=_rating_study(rated, models, headline, differences, folds) if rated else None,
        verdict=verdict(placed, differences, headline),
        by_other_metrics={
            name: _found_by(name, models, _of(resampled, name), of_segments[name])
            for name in metrics
            if name != headline and any(name in one.metrics for one in models)
        },
    )


def _found_by(
    metric: str,
    models: Sequence[ComparedModel],
    values: Mapping[str, Values],
    of_segments: tuple[Segment, ...],
) -> MetricFindings:
    """What another metric than the one that decides says."""
    placed = [one for one in models if metric in one.metrics]
    sets = {key: model.label for key, model in trained_alike(placed).items()}
    differences, ablation = compare_features(values, pairs(placed), sets)
    return MetricFindings(
        verdict=verdict(placed, differences, metric),
        differences=differences,
        ablation=ablation,
        segments=of_segments,
    )


def _user_values(
    group: Sequence[EvaluatedRun], metrics: Iterable[str], masks: Sequence[SegmentMask], folds: bool
) -> list[UserValues]:
    """Of each run of a model; of folds, segments are of the first.

    Who is a light user, and which movies are cold, differs from fold to fold.
    """
    targets = [mask.targets for mask in masks]
    return [
        UserValues.of(one, metrics, targets if place == 0 or not folds else ())
        for place, one in enumerate(group)
    ]


def _per_user(group: Sequence[EvaluatedRun], found: Sequence[UserValues], metric: str, folds: bool) -> Values:
    """[n_seeds, n_users]; a list of nothing but test movies cannot be put wrong: half an AUC.

    Of folds, the users whom any of them tests, ascending; NaN where one does not.
    """
    rows = [np.nan_to_num(values.of_users[metric], nan=0.5) for values in found]
    if not folds:
        return np.stack(rows)
    tested = [one.outcome.warm.users for one in group]
    users = np.unique(np.concatenate(tested))
    of_folds = np.full((len(group), len(users)), np.nan)
    for row, own, whom in zip(of_folds, rows, tested, strict=True):
        row[np.searchsorted(users, whom)] = own
    return of_folds


def _compared_models(
    groups: Mapping[str, Sequence[EvaluatedRun]],
    resampled: _OfAll,
    beyond: Mapping[str, dict[str, float]],
    ks: Sequence[int],
) -> tuple[ComparedModel, ...]:
    intervals = mean_intervals(resampled)
    return tuple(
        ComparedModel(
            label=label,
            family=group[0].run.record.config.family,
            feature_set=group[0].run.record.config.feature_set,
            records=tuple(one.run.record for one in group),
            top_k=mean_top_k([_top_k(one, ks) for one in group]),
            metrics={metric: found for (metric, of), found in intervals.items() if of == label},
            beyond=beyond[label],
        )
        for label, group in groups.items()
    )


def _top_k(one: EvaluatedRun, ks: Sequence[int]) -> TopK:
    found = top_k_of(one.outcome, [k for k in ks if k <= one.known_k])
    return found if one.ranks_all else replace(found, all={})


def _behind(
    models: Sequence[ComparedModel],
    resampled: _OfAll,
    headline: str,
) -> dict[str, PairedDifference]:
    """By metric in which another model leads: how far the first by the headline is from that one.

    Who leads is known from the same figures, so these are a family of their own for Holm's correction.
    """
    first = winner(models, headline)
    best = {
        metric: winner([one for one in models if metric in one.metrics], metric) for metric in first.metrics
    }
    lost = {
        metric: one for metric, one in best.items() if one.metrics[metric].mean > first.metrics[metric].mean
    }
    if not lost:
        return {}
    groups = [[((metric, first.label), (metric, leader.label))] for metric, leader in lost.items()]
    found = compare_means(resampled, groups)
    return {
        metric: PairedDifference(first.label, leader.label, **vars(one))
        for (metric, leader), one in zip(lost.items(), found, strict=True)
    }


def _beyond(
    data: SplitData, groups: Mapping[str, Sequence[EvaluatedRun]], ks: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Of each model, the mean over its seeds or folds."""
    k = min(LIST_K if LIST_K in ks else min(ks), LIST_LENGTH)
    ratings, n_movies = data.dataset.ratings, len(data.dataset.movies)
    counts = [np.bincount(ratings.movie_index[split.fit], minlength=n_movies) for split in data.folds]
    n_users = [int(np.count_nonzero(np.bincount(ratings.user_index[split.fit]))) for split in data.folds]

    def values(one: EvaluatedRun) -> dict[str, float]:
        fold = one.run.record.config.split.fold
        return vars(beyond_accuracy(one.outcome.warm, k, counts[fold], n_users[fold]))

    found: dict[str, list[dict[str, float]]] = {
        label: [values(one) for one in group] if k <= group[0].known_k else [{}]
        for label, group in groups.items()
    }
    return {
        label: {f"{name}@{k}": float(np.mean([one[name] for one in each])) for name in each[0]}
        for label, each in found.items()
    }


def _segments(
    masks: Sequence[SegmentMask],
    n_users: Sequence[int],
    values: Mapping[str, Sequence[UserValues]],
    metric: str,
) -> tuple[Segment, ...]:
    """Each model's mean in each segment, as if the test ratings there were all.

    None where it does not tell.
    """

    def mean(runs: Sequence[UserValues], place: int) -> float | None:
        found = [one.of_segments[place].get(metric) for one in runs if one.of_segments]
        return float(np.mean([one for one in found if one is not None])) if None not in found else None

    return tuple(
        Segment(
            dimension=mask.dimension,
            name=mask.name,
            n_users=n_users[place],
            n_ratings=int(mask.targets.sum()),
            accuracy=tuple(mean(runs, place) for runs in values.values()),
        )
        for place, mask in enumerate(masks)
    )


def _rating_study(
    rated: Sequence[EvaluatedRatings],
    ranking: Sequence[ComparedModel],
    headline: str,
    differences: Sequence[PairedDifference],
    folds: bool,
) -> RatingStudy:
    """How far predicted ratings are off, and how the same models, by the same labels, rank beside that."""
    if not folds:
        _require_same_test(rated)
    groups = by_model(rated)
    outcomes = {label: [one.outcome for one in group] for label, group in groups.items()}
    of_users = {label: rmse_values(seeds, folds=folds) for label, seeds in outcomes.items()}
    rmse = mean_intervals(of_users, folds=folds)
    absolute = {label: mae_values(seeds, folds=folds) for label, seeds in outcomes.items()}
    mae = mean_intervals(absolute, folds=folds)
    ranked = {one.label: one.metrics[headline].mean for one in ranking}
    front = pareto_front({label: (rmse[label].mean, ranked[label]) for label in rmse if label in ranked})
    models = tuple(
        ComparedRatingModel(
            label=label,
            family=group[0].run.record.config.family,
            records=tuple(one.run.record for one in group),
            rmse=rmse[label],
            mae=mae[label],
            is_on_front=label in front,
        )
        for label, group in groups.items()
    )
    found = compare(of_users, pairs(models), folds=folds)
    return RatingStudy(
        answer=rating_answer(models, found, ranking, differences, headline), models=models, differences=found
    )


def _require_same_test(rated: Sequence[EvaluatedRatings]) -> None:
    first = rated[0]
    for one in rated[1:]:
        if not np.array_equal(one.outcome.rows, first.outcome.rows):
            raise MovierecError(
                f"{one.run.record.name} predicts {len(one.outcome.rows):,} test ratings, and"
                f" {first.run.record.name} {len(first.outcome.rows):,} that are not the same; compare models"
                " of one split, or train them again with one"
            )


def pareto_front(points: Mapping[str, tuple[float, float]]) -> frozenset[str]:
    """Those that no other is at least as good as on both figures and better on one.

    Args:
        points: each model's RMSE, of which less is better, and its headline metric, of which more is.
    """
    return frozenset(
        label
        for label, (rmse, metric) in points.items()
        if not any(a <= rmse and b >= metric and (a, b) != (rmse, metric) for a, b in points.values())
    )
