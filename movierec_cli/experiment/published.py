"""A preset's published figures beside what its models reached here."""

from movierec_cli.config.presets import PRESETS, PUBLISHED, Figure, Preset
from movierec_cli.experiment.study import ComparedRatingModel, Study
from movierec_cli.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One figure twice."""

    model: str  # label in the study
    metric: str  # "top-100 accuracy over all movies", "RMSE in stars"
    published: float
    at_most: bool  # whether only a bound is published
    here: float  # the mean of the seeds
    source: str
    note: str  # what has to be known to compare, or ""

    @property
    def sentence(self) -> str:
        """For people."""
        digits = ".3f" if "RMSE" in self.metric else ".4f"
        published = f"{'at most ' if self.at_most else ''}{self.published:{digits}}"
        both = f"published {published} ({self.source}), here {self.here:{digits}}"
        return f"{self.model}, {self.metric}: {both}{f' ({self.note})' if self.note else ''}"


def beside_published(preset: Preset, study: Study) -> list[Beside]:
    """Of the preset's own models that are in the study; of none where the data set is another."""
    if study.data.name != PRESETS[preset].dataset:
        return []
    source = PUBLISHED[preset].source
    found = ((figure, _reached(figure, study)) for figure in PUBLISHED[preset].figures)
    return [
        Beside(
            model=reached[0],
            metric="RMSE in stars" if figure.k is None else f"top-{figure.k} accuracy over all movies",
            published=figure.value,
            at_most=figure.at_most,
            here=reached[1],
            source=source,
            note=figure.note,
        )
        for figure, reached in found
        if reached is not None
    ]


def published_text(preset: Preset, study: Study) -> list[str]:
    """A sentence a figure, or one that says why there is none."""
    sentences = [one.sentence for one in beside_published(preset, study)]
    if sentences:
        return sentences
    published = PUBLISHED[preset]
    why = (
        f"those of {published.source} are of other models or data" if published.figures else published.source
    )
    return [f"No published figure to compare with: {why}."]


def _reached(figure: Figure, study: Study) -> tuple[str, float] | None:
    """The label of the figure's model and its value here; None where it is not in the study."""
    models = study.models if figure.k is not None else study.ratings.models if study.ratings else ()
    for one in models:
        config = one.records[0].config
        if (config.feature_set, config.model, config.tasks) == (
            figure.feature_set,
            figure.model,
            figure.tasks,
        ):
            value = (
                one.rmse.mean if isinstance(one, ComparedRatingModel) else one.top_k.all.get(figure.k or 0)
            )
            return None if value is None else (one.label, value)
    return None
