"""From what runs made of the test ratings to who predicts them best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.ratings import mae_values, rmse_values
from movierec_cli.evaluation.significance import Interval, PairedDifference, compare, mean_intervals
from movierec_cli.experiment.rating_sentences import rating_answer
from movierec_cli.experiment.selection import EvaluatedRatings
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, RatingStudy, by_model, pairs

Point = tuple[float, float]
"""A model's RMSE, of which less is better, and its headline metric, of which more is."""


def compare_ratings(
    rated: Sequence[EvaluatedRatings],
    ranking: Sequence[ComparedModel],
    headline: str,
    differences: Sequence[PairedDifference] = (),
) -> RatingStudy:
    """Compares runs by how far their predicted ratings are off, and by how they rank beside that.

    Args:
        rated: trained runs, each model with all its seeds, and baselines; one or more.
        ranking: how the models rank, those among them that do; equal models have equal labels.
        headline: the metric that decides among rankings.
        differences: of the headline metric, between models of `ranking`.

    Raises:
        MovierecError: two of the runs were tested on different ratings.
    """
    _require_same_test(rated)
    groups = by_model(rated)
    outcomes = {label: [one.outcome for one in group] for label, group in groups.items()}
    rmse = {label: rmse_values(seeds) for label, seeds in outcomes.items()}
    intervals = {
        "rmse": mean_intervals(rmse),
        "mae": mean_intervals({label: mae_values(seeds) for label, seeds in outcomes.items()}),
    }
    models = _compared_models(groups, intervals, ranking, headline)
    compared = pairs(models)
    found = compare(rmse, compared) if compared else ()
    return RatingStudy(
        answer=rating_answer(models, found, ranking, differences, headline),
        models=models,
        differences=found,
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


def _compared_models(
    groups: Mapping[str, Sequence[EvaluatedRatings]],
    intervals: Mapping[str, Mapping[str, Interval]],
    ranking: Sequence[ComparedModel],
    headline: str,
) -> tuple[ComparedRatingModel, ...]:
    ranked = {one.label: one.metrics[headline].mean for one in ranking}
    rmse = intervals["rmse"]
    front = pareto_front({label: (rmse[label].mean, ranked[label]) for label in rmse if label in ranked})
    return tuple(
        ComparedRatingModel(
            label=label,
            family=group[0].run.record.config.family,
            records=tuple(one.run.record for one in group),
            rmse=rmse[label],
            mae=intervals["mae"][label],
            is_on_front=label in front,
        )
        for label, group in groups.items()
    )


def pareto_front(points: Mapping[str, Point]) -> frozenset[str]:
    """Those that no other is at least as good as on both figures and better on one."""
    return frozenset(
        label for label, own in points.items() if not any(_dominates(one, own) for one in points.values())
    )


def _dominates(a: Point, b: Point) -> bool:
    return a != b and a[0] <= b[0] and a[1] >= b[1]
