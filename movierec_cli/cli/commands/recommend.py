"""`movierec recommend`: what to watch next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import filter_options
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.filter_options import FilterRequest, filter_request
from movierec_cli.cli.parsing.options import AsJson, Quiet, SavedModelsDir
from movierec_cli.cli.parsing.recommend_request import EVERYBODY, Form, Who, check_many, parse_as_of
from movierec_cli.config import RankBy, TrainerConfig
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.many_users import UserLists
    from movierec_cli.recommend.response import Response
    from movierec_cli.registry.store import Run

_WHO, _FORM = "For whom", "Output"


@dataclass(frozen=True)
class RecommendRequest:
    """The whole request."""

    who: Who
    form: Form
    filters: FilterRequest
    diversity: float
    rank_by: RankBy


def recommend_command(
    user: Annotated[
        int | None,
        typer.Option(
            "--user", metavar="ID", help="A user of the data.", show_default=False, rich_help_panel=_WHO
        ),
    ] = None,
    liked: Annotated[
        list[str] | None,
        typer.Option(
            "--liked",
            metavar="TITLE",
            help="Anybody, by a movie they like: a title, with or without its year, or an id. Again for "
            "another.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    disliked: Annotated[
        list[str] | None,
        typer.Option(
            "--disliked",
            metavar="TITLE",
            help="What they do not like. Again for another.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    ratings_file: Annotated[
        Path | None,
        typer.Option(
            "--ratings_file",
            metavar="FILE",
            help="What they rated: the CSV that Letterboxd or IMDb exports, or one with title and rating.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    watched: Annotated[
        list[str] | None,
        typer.Option(
            "--watched",
            metavar="TITLE",
            help="What they have watched, oldest first, for a model of sequences to go on from.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            "--users",
            metavar="FILE",
            help="Many users of the data: a file with an id a line, or `all`.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as_of",
            metavar="DATE",
            help="Ask as if it were that day, such as 2001-05-01; for models that see the time.",
            show_default=False,
            rich_help_panel=_WHO,
        ),
    ] = None,
    model: saved.BestModel = None,
    all_models: Annotated[
        bool, typer.Option("--all_models", help="Ask each saved model, and show them side by side.")
    ] = False,
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many movies.")] = 10,
    rank_by: Annotated[
        RankBy,
        typer.Option(
            "--rank_by",
            metavar="KIND",
            help="What orders them: score, rating (predicted stars) or blend (both).",
        ),
    ] = RankBy.SCORE,
    genre: filter_options.GenreNames = None,
    not_genre: filter_options.NotGenreNames = None,
    year: filter_options.Years = None,
    max_length: filter_options.MaxMinutes = None,
    min_popularity: filter_options.MinPopularity = None,
    max_popularity: filter_options.MaxPopularity = None,
    exclude: filter_options.ExcludeFile = None,
    include_seen: filter_options.IncludeSeen = False,
    diversity: filter_options.Diversity = 0.0,
    dataset: saved.AnyDataset = None,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    why: Annotated[
        bool,
        typer.Option(
            "--why",
            help="Say which of their own movies speak for each, and what each feature adds.",
            rich_help_panel=_FORM,
        ),
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the list there.", rich_help_panel=_FORM),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Recommend movies to a user, or to anybody by what they like or have watched.

    With `--user 1`, any trained model answers, at once and from its folder
    alone. With `--liked` and `--disliked`, so does any for somebody who is in
    no data. With `--watched`, a model of sequences goes on from the movies
    named: `movierec train --model sasrec`.

    Titles need not be exact; one of several movies, or of none, is answered
    with those it may be. `id:590` is an id even where a title is that number.
    """
    saved.spare_threads()
    from movierec_cli.recommend.diversity import check_diversity

    asked = RecommendRequest(
        who=Who(
            user_id=user,
            users=users,
            watched=tuple(watched or ()),
            liked=tuple(liked or ()),
            disliked=tuple(disliked or ()),
            ratings_file=ratings_file,
            as_of_s=parse_as_of(as_of),
        ),
        form=Form(top=top, as_json=as_json, csv=csv, why=why, all_models=all_models),
        filters=filter_request(
            genre=genre,
            not_genre=not_genre,
            year=year,
            max_length=max_length,
            min_popularity=min_popularity,
            max_popularity=max_popularity,
            exclude=exclude,
            include_seen=include_seen,
        ),
        diversity=diversity,
        rank_by=rank_by,
    )
    check_diversity(diversity)
    check_many(asked.who, asked.form, model, diversity)
    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    runs = _runs(asked, saved_models_dir, model, dataset, terminal)
    if users is not None:
        _recommend_many(runs[0], users, asked, terminal)
    else:
        _tell(_answers(runs, asked, terminal), asked, terminal)


def _runs(
    asked: RecommendRequest, directory: Path, model: str | None, dataset: str | None, terminal: Terminal
) -> list[Run]:
    """The one that is named or best, or all."""
    from movierec_cli.recommend.recommending_runs import comparable_runs, recommending_runs

    from_history = bool(asked.who.watched)
    if asked.form.all_models:
        able = recommending_runs(directory, from_history=from_history)
        return comparable_runs(able, dataset, from_history=from_history)
    return [saved.best_run(directory, model, dataset, terminal, from_history=from_history)]


def _answers(runs: Sequence[Run], asked: RecommendRequest, terminal: Terminal) -> list[Response]:
    """One a run; what a title means is asked about, and what a file says is told, for the first only."""
    from movierec_cli.cli.parsing.request_user import by_ids, request_user
    from movierec_cli.recommend.response import respond

    who = asked.who
    responses: list[Response] = []
    for run in runs:
        person = request_user(run, who, terminal if not responses else replace(terminal, quiet=True))
        who = by_ids(who, person, run)
        answer = respond(
            run,
            person,
            top=asked.form.top,
            filters=asked.filters.of(run.catalogue),
            diversity=asked.diversity,
            rank_by=asked.rank_by,
            why=asked.form.why,
        )
        responses.append(answer)
    return responses


def _tell(responses: Sequence[Response], asked: RecommendRequest, terminal: Terminal) -> None:
    from movierec_cli.recommend.response import document, documents
    from movierec_cli.reports.terminal.recommendation_lists import responses_report

    form = asked.form
    if form.csv is not None:
        from movierec_cli.recommend.list_files import rows_of, write_lists

        write_lists([row for one in responses for row in rows_of(one.recommended)], form.csv)
    if form.as_json:
        terminal.document(documents(responses) if form.all_models else document(responses[0]))
    elif form.csv is not None:
        _say_written(form.csv, sum(len(one.recommended.movies) for one in responses), terminal)
    else:
        terminal.out.print(responses_report(responses, terminal.out))
    for one in responses:
        shortfall = one.filters.shortfall(len(one.recommended.movies), form.top)
        for note in (shortfall, one.filters.unknown_lengths(one.run, one.person.movies)):
            if note is not None:
                terminal.note(f"{one.recommended.run_name}: {note}" if form.all_models else note)


def _recommend_many(run: Run, users: Path, asked: RecommendRequest, terminal: Terminal) -> None:
    from movierec_cli.recommend.list_files import read_users, rows_of_lists, write_lists
    from movierec_cli.recommend.many_users import recommend_all
    from movierec_cli.recommend.response import many_document

    form = asked.form
    if asked.rank_by is not RankBy.SCORE:
        raise UsageError(f"--rank_by {asked.rank_by} is for one person; leave --users out")
    everybody = str(users) == EVERYBODY and not users.exists()
    user_ids = run.artifacts.user_ids.tolist() if everybody else read_users(users, run)
    lists = recommend_all(run, user_ids, top=form.top, filters=asked.filters.of(run.catalogue))
    if form.csv is not None:
        write_lists(rows_of_lists(run, lists), form.csv)
    if form.as_json:
        terminal.document(many_document(run, lists))
    elif form.csv is not None:
        _say_written(form.csv, lists.n_movies, terminal)
    else:
        _print_lists(run, lists, terminal)
    if lists.n_short:
        terminal.note(f"{lists.n_short:,} of {len(user_ids):,} users have fewer than --top {form.top:,} left")


def _print_lists(run: Run, lists: UserLists, terminal: Terminal) -> None:
    from movierec_cli.files import as_csv
    from movierec_cli.recommend.list_files import LIST_COLUMNS, rows_of_lists

    terminal.out.file.write(as_csv(LIST_COLUMNS, rows_of_lists(run, lists)))


def _say_written(file: Path, n_movies: int, terminal: Terminal) -> None:
    noun = "recommendation" if n_movies == 1 else "recommendations"
    terminal.out.print(f"Written: {file}, {n_movies:,} {noun}", markup=False, highlight=False, soft_wrap=True)
