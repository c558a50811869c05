"""A study for programs."""

from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, Study
from movierec_cli.storage.serialization import JSON, encode

OF_STUDY = (
    "data",
    "split",
    "split_summary",
    "headline",
    "answer",
    "warnings",
    "differences",
    "ablation",
    "segments",
    "findings",
)
OF_MODEL = ("label", "family", "feature_set", "top_k", "metrics", "beyond")
OF_RATINGS = ("answer", "differences")
OF_RATING_MODEL = ("label", "family", "rmse", "mae", "is_on_front")


def study_document(study: Study) -> dict[str, JSON]:
    """Everything that was found, records left out: they stand with the runs."""
    rated = study.ratings
    return {
        **_encoded(study, OF_STUDY),
        "models": [_model(one, OF_MODEL) for one in study.models],
        "ratings": None
        if rated is None
        else {
            **_encoded(rated, OF_RATINGS),
            "models": [_model(one, OF_RATING_MODEL) for one in rated.models],
        },
    }


def _model(model: ComparedModel | ComparedRatingModel, names: tuple[str, ...]) -> JSON:
    return {**_encoded(model, names), "runs": [record.name for record in model.records]}


def _encoded(whole: object, names: tuple[str, ...]) -> dict[str, JSON]:
    return {name: encode(getattr(whole, name)) for name in names}
