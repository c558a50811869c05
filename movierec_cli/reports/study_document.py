"""A study for programs."""

from __future__ import annotations

from movierec_cli.judging.study import Contender, RatingContender, RatingStudy, Study
from movierec_cli.registry.serialization import JSON, encode


def study_document(study: Study) -> dict[str, JSON]:
    """Everything that was found, records left out: they stand with the runs."""
    parts = ("split", "split_summary", "headline", "answer", "warnings", "differences", "ablation")
    document = {name: encode(getattr(study, name)) for name in (*parts, "segments", "findings")}
    return {
        "data": encode(study.data),
        "contenders": [_contender(one) for one in study.contenders],
        **document,
        "ratings": None if study.ratings is None else _ratings(study.ratings),
    }


def _ratings(ratings: RatingStudy) -> JSON:
    return {
        "answer": encode(ratings.answer),
        "contenders": [_rating_contender(one) for one in ratings.contenders],
        "differences": encode(ratings.differences),
    }


def _rating_contender(contender: RatingContender) -> JSON:
    return {
        "label": contender.label,
        "family": encode(contender.family),
        "runs": [record.name for record in contender.records],
        "rmse": encode(contender.rmse),
        "mae": encode(contender.mae),
        "is_on_front": contender.is_on_front,
    }


def _contender(contender: Contender) -> JSON:
    return {
        "label": contender.label,
        "family": encode(contender.family),
        "feature_set": encode(contender.feature_set),
        "runs": [record.name for record in contender.records],
        "top_k": encode(contender.top_k),
        "metrics": encode(contender.metrics),
        "beyond": encode(contender.beyond),
    }
