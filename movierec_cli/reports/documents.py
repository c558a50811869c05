"""What commands print with `--json`, by type: `movierec schema` shows these, a test compares both.

`console.SCHEMA_VERSION` is in each document; it is raised where a key goes or changes its meaning.
"""

from collections.abc import Iterable
from pathlib import Path
from types import GenericAlias
from typing import Any, NotRequired, TypedDict, get_type_hints

from movierec_cli.config import Fairness, FeatureSet, RankBy, SplitConfig, TaskWeights
from movierec_cli.contract.plugin_check import CheckedEntry
from movierec_cli.data.dataset import Id
from movierec_cli.data.datasets_folder import SourceInfo, StoredArchive
from movierec_cli.data.running_times.apply import Count
from movierec_cli.data.split import SplitSummary
from movierec_cli.experiment.describe import Description
from movierec_cli.experiment.published import Beside
from movierec_cli.experiment.study import ComparedModel, ComparedRatingModel, RatingStudy, Study
from movierec_cli.experiment.trials import TrialState
from movierec_cli.leakage.finding import Finding
from movierec_cli.recommend.predict import PredictedRating
from movierec_cli.recommend.recommend import RecommendedMovie
from movierec_cli.recommend.response import SimilarMovie
from movierec_cli.recommend.users import ListedMovie, RatedMovie
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.store import Problem
from movierec_cli.reports.study_document import OF_MODEL, OF_RATING_MODEL, OF_RATINGS, OF_STUDY
from movierec_cli.storage.json_schema import json_schema
from movierec_cli.storage.serialization import JSON


class Document(TypedDict):
    """What each document has."""

    schema_version: int


def _keys_of(kind: type, names: Iterable[str], name: str, what: str, **more: Any) -> Any:
    """A table of keys with those of a dataclass, which the document takes over."""
    hints = get_type_hints(kind, include_extras=True)
    made = TypedDict(name, {one: hints[one] for one in names} | more)  # type: ignore[misc]
    made.__doc__ = what
    return made


def _list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


_NAMES = {"runs": list[str]}
_MODEL = _keys_of(ComparedModel, OF_MODEL, "StudyModel", "A model that ranks.", **_NAMES)
_RATING_MODEL = _keys_of(
    ComparedRatingModel, OF_RATING_MODEL, "StudyRatingModel", "A model that predicts ratings.", **_NAMES
)
_RATINGS = _keys_of(
    RatingStudy,
    OF_RATINGS,
    "StudyRatings",
    "How well ratings are predicted.",
    models=_list_of(_RATING_MODEL),
)
_STUDY = {"models": _list_of(_MODEL), "ratings": _RATINGS | None}
_COMPARED = "Models compared on one data set and split."
StudyPart = _keys_of(Study, OF_STUDY, "StudyPart", _COMPARED, **_STUDY)
EvaluateDocument = _keys_of(Study, OF_STUDY, "EvaluateDocument", _COMPARED, schema_version=int, **_STUDY)


class SavedModel(TypedDict):
    """A saved model."""

    folder: Path
    record: RunRecord


class ModelList(TypedDict):
    """What one model recommends."""

    run: str
    feature_set: FeatureSet
    tasks: TaskWeights | None
    rank_by: RankBy
    movies: list[RecommendedMovie]


class UsersLists(TypedDict):
    """A user's ratings, and what each model recommends."""

    user_id: Id
    rated: list[RatedMovie]
    models: list[ModelList]


class TrainDocument(Document):
    """Of `movierec train`."""

    runs: list[SavedModel]
    study: StudyPart  # type: ignore[valid-type]
    recommendations: UsersLists | None
    deployed: str | None
    page: Path
    published: NotRequired[list[Beside]]


class TrialPart(TypedDict):
    """One trial of a search."""

    number: int
    values: dict[str, bool | float | str]
    state: TrialState
    score: float | None
    epoch: int
    curve: list[tuple[int, float]]
    seconds: float
    problem: str


class FamilySearchPart(TypedDict):
    """The search of one family."""

    family: str
    name: str
    space: dict[str, str]
    trials: list[TrialPart]
    importance: dict[str, float]


class FinalistPart(TypedDict):
    """Settings that were trained with several seeds."""

    family: str
    trial: int | None
    values: dict[str, bool | float | str]
    is_first: bool
    scores: list[float | None]
    mean: float | None


class TuneDocument(Document):
    """Of `movierec tune`."""

    answer: list[str]
    metric: str
    command: str
    finalists: list[FinalistPart]
    searches: list[FamilySearchPart]
    earlier_winners_tested: int
    runs: list[str]
    study: StudyPart  # type: ignore[valid-type]
    page: Path


class DataPart(TypedDict):
    """The data set of a model."""

    name: str
    description: str
    fingerprint: str


class Contribution(TypedDict):
    """What a movie that the user knows adds to a score."""

    movie_id: Id
    title: str
    contribution: float


class Why(TypedDict):
    """A score, taken apart."""

    score: float
    score_of_average_movie: float
    advantage: float
    of_movies: list[Contribution]
    of_no_movie: float
    of_movie_features: dict[str, float]
    of_user_features: dict[str, float]


class ListedWithReasons(TypedDict):
    """A movie recommended to a user."""

    movie_id: Id
    title: str
    genres: list[str]
    score: float
    stars: float | None
    is_new: bool
    why: NotRequired[Why]


class ForUser(Document):
    """For whom something is recommended."""

    user_id: Id | None
    rated: list[RatedMovie]
    watched: list[ListedMovie]
    liked: list[ListedMovie]
    disliked: list[ListedMovie]
    data: DataPart


class RecommendDocument(ForUser):
    """Of `movierec recommend` with one model, to one user."""

    run: str
    model: str
    movies: list[ListedWithReasons]
    mean_score: float
    variety: float | None


class OneModelsList(TypedDict):
    """What one of several models recommends."""

    run: str
    model: str
    movies: list[ListedWithReasons]
    mean_score: float
    variety: float | None


class RecommendAllModelsDocument(ForUser):
    """Of `movierec recommend --all_models`."""

    models: list[OneModelsList]


class ShortMovie(TypedDict):
    """A movie in one of many lists."""

    movie_id: Id
    title: str
    score: float
    is_new: bool


class OneUsersList(TypedDict):
    """What is recommended to one of many users."""

    user_id: Id
    movies: list[ShortMovie]


class OfRun(Document):
    """A model and its data."""

    run: str
    model: str
    data: DataPart


class RecommendUsersDocument(OfRun):
    """Of `movierec recommend --users`."""

    users: list[OneUsersList]


class OnePerson(TypedDict):
    """One of several people who get one list."""

    name: str
    user_id: Id | None
    n_known: int
    watched: list[ListedMovie]
    liked: list[ListedMovie]
    disliked: list[ListedMovie]


class ListedForSeveral(TypedDict):
    """A movie recommended to several people, with its place for each, by name."""

    movie_id: Id
    title: str
    genres: list[str]
    score: float
    places: dict[str, int]
    known_by: list[str]
    is_new: bool
    chosen_by: str | None


class RecommendTogetherDocument(OfRun):
    """Of `movierec recommend --together`."""

    people: list[OnePerson]
    fairness: Fairness
    movies_to_choose_from: int
    movies: list[ListedForSeveral]
    variety: float | None


class RecommendPartsDocument(Document):
    """Of `movierec recommend --parts`."""

    folder: Path
    n_parts: int
    n_made: int
    n_missing: int
    n_users: int
    n_rows: int
    manifest: Path | None


class SimilarDocument(OfRun):
    """Of `movierec similar`."""

    movie: ListedMovie
    movies: list[SimilarMovie]


class PredictDocument(Document):
    """Of `movierec predict`."""

    run: str
    validation_rmse: float | None
    data: DataPart
    predictions: list[PredictedRating]


class ExportDocument(Document):
    """Of `movierec export`."""

    run: str
    model: str
    format: str
    path: Path
    size_bytes: int
    sees_time: bool
    reads_history: bool
    next_command: str


class NamedData(TypedDict):
    """A data set."""

    name: str
    description: str


class CheckPart(TypedDict):
    """One thing that was looked at."""

    names: list[str]
    clean: bool
    sentence: str


class DoctorDocument(Document):
    """Of `movierec doctor`."""

    data: NamedData
    checked: list[CheckPart]
    findings: list[Finding]
    problems: list[Problem]


class ModelsListDocument(Document):
    """Of `movierec models list`."""

    runs: list[SavedModel]
    problems: list[Problem]


class ModelsShowDocument(Document):
    """Of `movierec models show`."""

    folder: Path
    size_bytes: int
    record: RunRecord


class DataInfoDocument(Document):
    """Of `movierec data info`."""

    data_sets: list[SourceInfo]


class DataFetchDocument(Document):
    """Of `movierec data fetch` and `movierec data import`."""

    data_sets: list[StoredArchive]


class DataSplitDocument(Document):
    """Of `movierec data split`."""

    folder: Path
    split: SplitConfig
    summary: SplitSummary


class DataOfLengths(DataPart):
    """A data set with its lengths."""

    lengths_fingerprint: str


class LengthCandidate(TypedDict):
    """An entry of IMDb's that a movie may be."""

    imdb: str
    year: int | None
    minutes: int | None


class MovieWithoutLength(TypedDict):
    """A movie of which no length is known."""

    movie_id: Id
    title: str
    year: int | None
    status: str
    rule: str | None
    n_ratings: int
    candidates: list[LengthCandidate]


class ClearedDocument(Document):
    """Of `movierec data lengths --clear` alone."""

    cleared: int


class LengthsDocument(Document):
    """Of `movierec data lengths`."""

    data: DataOfLengths
    imdb_titles: str | None
    movie_lengths: str | None
    all: Count
    known: Count
    missing: Count
    known_by: list[Count]
    missing_by: list[Count]
    without_length: list[MovieWithoutLength]
    cleared: int | None


class CheckPluginDocument(Document):
    """Of `movierec check-plugin`."""

    entries: list[CheckedEntry]


DOCUMENTS: dict[str, Any] = {
    "train": TrainDocument,
    "demo": TrainDocument,
    "tune": TuneDocument,
    "evaluate": EvaluateDocument,
    "recommend": RecommendDocument
    | RecommendAllModelsDocument
    | RecommendUsersDocument
    | RecommendTogetherDocument
    | RecommendPartsDocument,
    "similar": SimilarDocument,
    "export": ExportDocument,
    "predict": PredictDocument,
    "doctor": DoctorDocument,
    "check-plugin": CheckPluginDocument,
    "models list": ModelsListDocument,
    "models show": ModelsShowDocument,
    "data info": DataInfoDocument,
    "data fetch": DataFetchDocument,
    "data import": DataFetchDocument,
    "data describe": _keys_of(
        Description,
        get_type_hints(Description),
        "DescribeDocument",
        "Of `movierec data describe`.",
        schema_version=int,
    ),
    "data split": DataSplitDocument,
    "data lengths": LengthsDocument | ClearedDocument,
}
"""By command."""


def document_schema(command: str) -> dict[str, JSON]:
    """The JSON Schema of what a command prints, such as "models list"."""
    return json_schema(DOCUMENTS[command], f"movierec {command} --json")
