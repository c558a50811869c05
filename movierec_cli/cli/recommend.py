"""`movierec recommend`: what to watch next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli import saved
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.models import complete_name
from movierec_cli.cli.options import ArchivePath, AsJson, DatasetsDir, Quiet, SavedModelsDir
from movierec_cli.config import DataConfig, TrainerConfig
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from movierec_cli.data.dataset import Dataset
    from movierec_cli.registry.store import Run
    from movierec_cli.using.recommend import RatedMovie, Recommendations, WatchedMovie


@dataclass(frozen=True)
class Request:
    """To whom, and how many. One of `user_id` and `watched` says who it is."""

    user_id: int | None
    watched: tuple[str, ...]  # as typed, oldest first
    top: int
    include_seen: bool

    def __post_init__(self) -> None:
        if self.user_id is not None and self.watched:
            raise UsageError("--user is somebody of the data, --watched is anybody; give one of them")
        if self.user_id is None and not self.watched:
            raise UsageError(
                "say to whom: --user 42, or --watched 'Heat (1995)' with what was watched, oldest first"
            )
        if self.top < 1:
            raise UsageError(f"--top is {self.top}; it must be 1 or more")


@dataclass(frozen=True)
class Answer:
    """What is recommended, and what it goes by."""

    recommended: Recommendations
    rated: tuple[RatedMovie, ...] = ()  # by a user of the data
    watched: tuple[WatchedMovie, ...] = ()  # as somebody else says


def recommend_command(
    user: Annotated[
        int | None,
        typer.Option("--user", metavar="ID", help="To whom: a user of the data.", show_default=False),
    ] = None,
    watched: Annotated[
        list[str] | None,
        typer.Option(
            "--watched",
            metavar="TITLE",
            help="Instead of --user, what somebody has watched: a title, with or without its year, or an id. "
            "Again for the next movie, oldest first.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A saved model, by name or its beginning. If not given: the one with the highest recall on "
            "validation.",
            autocompletion=complete_name,
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many movies.")] = 10,
    include_seen: Annotated[
        bool, typer.Option("--include_seen", help="Recommend what they have seen, too.")
    ] = False,
    dataset: saved.AnyDataset = None,
    archive: ArchivePath = DataConfig.archive,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Recommend movies to a user, or to anybody by what they have watched.

    With `--user 1`, any trained model answers. With `--watched`, a model of
    sequences goes on from the movies named: `movierec train --model sasrec`.

    Titles need not be exact; one of several movies, or of none, is answered
    with those it may be. `id:590` is an id even where a title is that number.
    """
    from movierec_cli.using.recommending_runs import best_run, recommending_runs

    request = Request(user, tuple(watched or ()), top, include_seen)
    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    from_history = bool(request.watched)
    runs = recommending_runs(saved_models_dir, model, from_history=from_history)
    places = DataConfig(datasets_dir=datasets_dir)
    loaded = saved.loaded_data(runs, saved.asked_data(dataset, archive, places), places, terminal)
    chosen = best_run(runs, loaded, from_history=from_history)
    terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
    answer = answered(loaded, chosen.run, request)
    if as_json:
        terminal.document(_document(loaded, answer))
    else:
        terminal.out.print(_report(answer, terminal))
    n_found = len(answer.recommended.movies)
    if n_found < top:
        left = "" if include_seen else " and that were not seen"
        terminal.note(f"{n_found:,} of --top {top:,}: there are no more that the model knows{left}")


def answered(loaded: Dataset, run: Run, request: Request) -> Answer:
    """What one run recommends.

    Raises:
        MovierecError: the user or a movie is unknown, or a title fits several movies.
    """
    from movierec_cli.using.recommend import rated_by, recommend, recommend_next, watched_movies

    top, include_seen = request.top, request.include_seen
    if request.user_id is not None:
        recommended = recommend(loaded, run, request.user_id, top=top, include_seen=include_seen)
        return Answer(recommended, rated=rated_by(loaded, request.user_id))
    rows = _rows_of(loaded, request.watched)
    recommended = recommend_next(loaded, run, rows, top=top, include_seen=include_seen)
    return Answer(recommended, watched=watched_movies(loaded, rows))


def _rows_of(loaded: Dataset, titles: Sequence[str]) -> list[int]:
    from movierec_cli.using.movie_search import MovieSearch

    search = MovieSearch(loaded.movies)
    rows: list[int] = []
    for title in titles:
        row = search.find(title)
        if row in rows:
            raise UsageError(f"--watched '{title}' is '{loaded.movies.title[row]}' again; name it once")
        rows.append(row)
    return rows


def _report(answer: Answer, terminal: Terminal) -> RenderableType:
    from movierec_cli.reports.recommendations import user_report, watched_report

    user_id = answer.recommended.user_id
    if user_id is None:
        return watched_report(answer.watched, answer.recommended, terminal.out)
    return user_report(user_id, answer.rated, [answer.recommended], terminal.out)


def _document(loaded: Dataset, answer: Answer) -> dict[str, object]:
    from dataclasses import asdict

    recommended = answer.recommended
    return {
        "run": recommended.run_name,
        "model": recommended.label,
        "data": {
            "name": loaded.name,
            "description": loaded.description,
            "fingerprint": loaded.fingerprint,
        },
        "user_id": recommended.user_id,
        "rated": [asdict(movie) for movie in answer.rated],
        "watched": [asdict(movie) for movie in answer.watched],
        "movies": [asdict(movie) for movie in recommended.movies],
    }
