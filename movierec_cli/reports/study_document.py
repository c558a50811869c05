"""A study for programs."""

from __future__ import annotations

from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, RatingStudy, Study
from movierec_cli.registry.serialization import JSON, encode


def study_document(study: Study) -> dict[str, JSON]:
    """Everything that was found, records left out: they stand with the runs."""
    parts = ("split", "split_summary", "headline", "answer", "warnings", "differences", "ablation")
    document = {name: encode(getattr(study, name)) for name in (*parts, "segments", "findings")}
    return {
        "data": encode(study.data),
        "models": [_contender(one) for one in study.models],
        **document,
        "ratings": None if study.ratings is None else _ratings(study.ratings),
    }


def _ratings(ratings: RatingStudy) -> JSON:
    return {
        "answer": encode(ratings.answer),
        "models": [_rating_contender(one) for one in ratings.models],
        "differences": encode(ratings.differences),
    }


def _rating_contender(model: ComparedRatingModel) -> JSON:
    return {
        "label": model.label,
        "family": encode(model.family),
        "runs": [record.name for record in model.records],
        "rmse": encode(model.rmse),
        "mae": encode(model.mae),
        "is_on_front": model.is_on_front,
    }


def _contender(model: ComparedModel) -> JSON:
    return {
        "label": model.label,
        "family": encode(model.family),
        "feature_set": encode(model.feature_set),
        "runs": [record.name for record in model.records],
        "top_k": encode(model.top_k),
        "metrics": encode(model.metrics),
        "beyond": encode(model.beyond),
    }
