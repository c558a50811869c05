"""A study for programs."""

from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, Study
from movierec_cli.storage.serialization import JSON, encode

_PARTS = ("data", "split", "split_summary", "headline", "answer", "warnings", "differences", "ablation")
_OF_MODEL = ("label", "family", "feature_set", "top_k", "metrics", "beyond")
_OF_RATING_MODEL = ("label", "family", "rmse", "mae", "is_on_front")


def study_document(study: Study) -> dict[str, JSON]:
    """Everything that was found, records left out: they stand with the runs."""
    rated = study.ratings
    return {
        **_encoded(study, (*_PARTS, "segments", "findings")),
        "models": [_model(one, _OF_MODEL) for one in study.models],
        "ratings": None
        if rated is None
        else {
            **_encoded(rated, ("answer", "differences")),
            "models": [_model(one, _OF_RATING_MODEL) for one in rated.models],
        },
    }


def _model(model: ComparedModel | ComparedRatingModel, names: tuple[str, ...]) -> JSON:
    return {**_encoded(model, names), "runs": [record.name for record in model.records]}


def _encoded(whole: object, names: tuple[str, ...]) -> dict[str, JSON]:
    return {name: encode(getattr(whole, name)) for name in names}
