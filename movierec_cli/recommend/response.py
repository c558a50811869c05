"""A recommendation with all that goes with it, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from movierec_cli.config import RankBy
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.rated_movies import RatedMovie, WatchedMovie, rated_in, watched_movies
from movierec_cli.recommend.recommend import Recommendations, recommend
from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run

if TYPE_CHECKING:
    from movierec_cli.recommend.explanation import Explanation
    from movierec_cli.recommend.many_users import UserLists


@dataclass(frozen=True)
class Response:
    """What one model recommends to one person, and what it goes by."""

    run: Run
    person: User
    recommended: Recommendations
    filters: Filters
    rated: tuple[RatedMovie, ...] = ()  # by a user of the data
    watched: tuple[WatchedMovie, ...] = ()  # as somebody else says, oldest first
    liked: tuple[WatchedMovie, ...] = ()
    disliked: tuple[WatchedMovie, ...] = ()
    why: tuple[Explanation, ...] = ()  # one a movie, where asked for


@dataclass(frozen=True)
class RequestUser:
    """Somebody, and what they said of themselves as rows of the run's movies."""

    person: User
    watched: tuple[int, ...] = ()
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()


def respond(
    run: Run,
    asked: RequestUser,
    *,
    top: int,
    filters: Filters,
    diversity: float = 0.0,
    rank_by: RankBy = RankBy.SCORE,
    why: bool = False,
) -> Response:
    """What one run recommends.

    Raises:
        MovierecError: as `recommend`.
        SavedModelError: the run is damaged.
    """
    from movierec_cli.recommend.explanation import explain

    person, catalogue = asked.person, run.catalogue
    recommended = recommend(run, person, top=top, filters=filters, diversity=diversity, rank_by=rank_by)
    return Response(
        run=run,
        person=person,
        recommended=recommended,
        filters=filters,
        rated=rated_in(run, person) if person.user_id is not None else (),
        watched=watched_movies(catalogue, asked.watched),
        liked=watched_movies(catalogue, asked.liked),
        disliked=watched_movies(catalogue, asked.disliked),
        why=explain(run, person, recommended.rows) if why else (),
    )


def document(answer: Response) -> dict[str, Any]:
    """One model's answer, for programs."""
    return {
        "run": answer.recommended.run_name,
        "model": answer.recommended.label,
        "data": data_document(answer.run),
        **_who(answer),
        **_list(answer),
    }


def documents(responses: Sequence[Response]) -> dict[str, Any]:
    """Several models' answers about the same person."""
    return {
        "data": data_document(responses[0].run),
        **_who(responses[0]),
        "models": [
            {"run": one.recommended.run_name, "model": one.recommended.label, **_list(one)}
            for one in responses
        ],
    }


def many_document(run: Run, lists: UserLists) -> dict[str, Any]:
    """Many users' lists."""
    from movierec_cli.evaluation.outcome import NO_MOVIE

    ids, titles = run.catalogue.movie_id.tolist(), run.catalogue.title.tolist()

    def movies(rows: list[int], scores: list[float]) -> list[dict[str, Any]]:
        kept = [(row, score) for row, score in zip(rows, scores, strict=True) if row != NO_MOVIE]
        return [{"movie_id": ids[row], "title": titles[row], "score": score} for row, score in kept]

    columns = (lists.user_ids.tolist(), lists.rows.tolist(), lists.scores.tolist())
    return {
        "run": run.record.name,
        "model": run.record.config.label,
        "data": data_document(run),
        "users": [
            {"user_id": user_id, "movies": movies(rows, scores)}
            for user_id, rows, scores in zip(*columns, strict=True)
        ],
    }


def data_document(run: Run) -> dict[str, str]:
    """Which data a run is of."""
    data = run.record.data
    return {"name": data.name, "description": data.description, "fingerprint": data.fingerprint}


def _who(answer: Response) -> dict[str, Any]:
    said = {name: getattr(answer, name) for name in ("rated", "watched", "liked", "disliked")}
    return {
        "user_id": answer.recommended.user_id,
        **{name: [asdict(movie) for movie in movies] for name, movies in said.items()},
    }


def _list(answer: Response) -> dict[str, Any]:
    from movierec_cli.recommend.explanation import explanation_document

    movies = [asdict(movie) for movie in answer.recommended.movies]
    for movie, why in zip(movies, answer.why, strict=False):
        movie["why"] = explanation_document(answer.run, why)
    return {
        "movies": movies,
        "mean_score": answer.recommended.mean_score,
        "variety": answer.recommended.variety,
    }
