"""`movierec recommend`: what to watch next."""

# `_part` is `dataclasses.field`, which ruff cannot see.
from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import ListOptions, ModelOptions, spare_threads
from movierec_cli.config.setting import JOBS, check_settings, setting
from movierec_cli.config.settings import RankBy
from movierec_cli.recommend.filter_options import FilterOptions, FilterRequest
from movierec_cli.recommend.list_options import Order, UserOptions, parse_users
from movierec_cli.records import dataclass
from movierec_cli.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.many_users import Lister, UserSelection
    from movierec_cli.recommend.response import Response
    from movierec_cli.registry.store import Run

_part = partial(setting, None, panel="Many users")


@dataclass(frozen=True)
class RecommendOptions(ListOptions, Order):
    """Movies in which order, and what is shown; see `with_option_groups`."""

    all_models: bool = setting(False, "Show the lists of all saved models side by side.")
    why: bool = setting(False, "Show what the user's movies and each feature contribute to a score.")


@dataclass(frozen=True)
class PartOptions:
    """Lists of many users as files, and who makes them; see `with_option_groups`."""

    parts: Path | None = _part(
        "With --users: write the lists there as Parquet files, a part for each block of users, with a"
        " manifest. The same command makes only the parts that are missing.",
        "FOLDER",
    )
    shard: str | None = _part(
        "With --parts: make only one of N parts, such as 3/8; another process or machine makes the others.",
        "I/N",
    )
    jobs: int | None = _part(
        "With --parts: make N parts at once, in processes of this machine; with --cluster, N at most.",
        check=JOBS,
    )
    cluster: str | None = _part(
        "With --parts: make the parts on a Ray cluster: local (the cores of this machine), auto (the cluster"
        " that this machine belongs to) or its address, such as 10.0.0.1:6379. Needs movierec[cluster].",
        "WHERE",
    )

    def __post_init__(self) -> None:
        check_settings(self)


@with_option_groups
def recommend_command(
    model: ModelOptions,
    user: UserOptions,
    filters: FilterOptions,
    options: RecommendOptions,
    in_parts: PartOptions,
    terminal: ResultTerminal,
) -> None:
    """Recommend movies to a user of the data, or to a new user.

    With `--user 1`, every trained model recommends from its folder alone. With
    `--liked` and `--disliked` it does so for a new user, without training. With
    `--watched`, a sequential model continues the history of a new user:
    `movierec train --family sasrec`. With `--together`, several people get one list.

    Titles need not be exact, and a piece of one is enough. If it fits several
    movies, the command asks which; in a pipe or with `--json` it takes the best
    known and says so. `id:590` is an id even where a title is that number.
    """
    spare_threads()
    from movierec_cli.recommend.recommend import check_diversity

    check_diversity(options.diversity)
    chosen = filters.checked(include_seen=options.include_seen)
    users = None if user.users is None else parse_users(user.users)
    runs = _runs(model, terminal, from_history=bool(user.watched), options=options)
    if user.together:
        _recommend_together(runs[0], user, chosen, options, terminal)
    elif users is not None:
        _recommend_many(runs[0], users, chosen, options, in_parts, terminal)
    else:
        _show(_responses(runs, user, chosen, options, terminal), options, terminal)


def _runs(
    model: ModelOptions, terminal: Terminal, *, from_history: bool, options: RecommendOptions
) -> Sequence[Run]:
    """The named or best run that can do what is asked, or all."""
    from movierec_cli.recommend.run_choice import (
        FOR_HISTORIES,
        FOR_LISTS_BY_RATING,
        FOR_USERS,
        comparable_runs,
        suitable_runs,
    )

    purpose = FOR_USERS if options.rank_by is RankBy.SCORE else FOR_LISTS_BY_RATING
    purpose = FOR_HISTORIES if from_history else purpose
    if options.all_models:
        return comparable_runs(suitable_runs(model.saved_models_dir, purpose), purpose, model.dataset)
    return [model.best(terminal, purpose)]


def _responses(
    runs: Sequence[Run],
    typed: UserOptions,
    filters: FilterRequest,
    options: RecommendOptions,
    terminal: Terminal,
) -> list[Response]:
    """One per run; questions about titles and notes about the file come for the first only."""
    from movierec_cli.cli.parsing.movie_titles import finder
    from movierec_cli.recommend.new_user_stars import folded_in_note
    from movierec_cli.recommend.response import response_to

    responses: list[Response] = []
    for run in runs:
        speaker = terminal if not responses else replace(terminal, quiet=True)
        user, named = typed.on(run, finder(run, speaker), speaker.note)
        typed = typed.by_ids(named, run)
        response = response_to(
            run,
            user,
            named,
            top=options.top,
            filters=filters.of(run.catalogue, run.record.data.noun),
            diversity=options.diversity,
            rank_by=options.rank_by,
            why=options.why,
        )
        if user.row is None and options.rank_by is not RankBy.SCORE and not responses:
            terminal.note(folded_in_note(run, user))
        responses.append(response)
    return responses


def _show(responses: Sequence[Response], options: RecommendOptions, terminal: ResultTerminal) -> None:
    from movierec_cli.recommend.response import LIST_COLUMNS, response_document, responses_document
    from movierec_cli.reports.terminal.recommendation_lists import responses_report

    first, several = responses[0], options.all_models
    options.show(
        terminal,
        (LIST_COLUMNS, first.csv_rows()),
        document=lambda: responses_document(responses) if several else response_document(first),
        what=counted(len(first.recommended.movies), "recommendation"),
        text=lambda: responses_report(responses, terminal.out),
    )
    data = first.run.record.data
    for said in first.filters.notes:
        terminal.note(said)
    for one in responses:
        shortfall = one.filters.shortfall(len(one.recommended.movies), options.top, data.noun)
        for note in (shortfall, one.filters.unknown_lengths(one.run, one.user.movies), *one.cautions):
            if note is not None:
                terminal.note(f"{one.recommended.run_name}: {note}" if several else note)


def _recommend_many(
    run: Run,
    users: UserSelection,
    filters: FilterRequest,
    options: RecommendOptions,
    in_parts: PartOptions,
    terminal: ResultTerminal,
) -> None:
    from movierec_cli.files.csv_tables import as_csv
    from movierec_cli.recommend.many_users import Lister
    from movierec_cli.recommend.response import LIST_COLUMNS
    from movierec_cli.recommend.users import no_user_of

    noun = run.record.data.noun
    batch = users.among(run.artifacts.user_ids, partial(no_user_of, run), run.record.data.reading.columns)
    chosen = filters.of(run.catalogue, noun)
    for note in chosen.notes:
        terminal.note(note)
    lister = Lister.of(run, batch.wanted, top=options.top, filters=chosen)
    if in_parts.parts is not None:
        _write_parts(lister, in_parts.parts, in_parts, terminal)
        terminal.warn_all(batch.warnings)
        return
    lists = lister.lists()
    table = LIST_COLUMNS, lists.csv_rows()
    if options.csv is None and not terminal.as_json:
        terminal.table(as_csv(*table, safe=options.csv_safe))
    else:
        options.show(terminal, table, document=lists.document, what=counted(lists.n_movies, "recommendation"))
    terminal.warn_all(batch.warnings)
    for note in lists.cautions:
        terminal.note(note)
    if lists.n_short:
        users_short = f"{lists.n_short:,} of {counted(len(batch.wanted), 'user')}"
        terminal.note(f"{users_short} have fewer than --top {options.top:,} {noun}s left")


def _write_parts(lister: Lister, folder: Path, options: PartOptions, terminal: ResultTerminal) -> None:
    from movierec_cli.recommend.part_files import MANIFEST, Shard, write_parts
    from movierec_cli.runners.open_runner import open_runner

    written = write_parts(
        lister,
        folder=folder,
        runner=open_runner(options.jobs, options.cluster),
        shard=None if options.shard is None else Shard.parse(options.shard),
    )
    made = f"{counted(written.n_parts, 'part')}, {written.n_made:,} of them new"
    if written.n_missing:
        last = f"{counted(written.n_missing, 'part is', 'parts are')} missing, and so is {MANIFEST}"
    else:
        last = f"{MANIFEST} lists them all"
    if terminal.as_json:
        terminal.document(written.document())
        return
    terminal.line(
        f"{folder}: {counted(written.n_rows, 'recommendation')} to {counted(written.n_users, 'user')} in"
        f" {made}; {last}"
    )


def _recommend_together(
    run: Run,
    typed: UserOptions,
    filters: FilterRequest,
    options: RecommendOptions,
    terminal: ResultTerminal,
) -> None:
    from movierec_cli.cli.parsing.movie_titles import finder
    from movierec_cli.recommend.together import people_of, recommend_together
    from movierec_cli.reports.terminal.recommendation_lists import shared_report

    noun = run.record.data.noun
    people = people_of(typed, run, finder(run, terminal), terminal.note)
    chosen = filters.of(run.catalogue, noun)
    shared = recommend_together(
        run,
        people,
        fairness=options.fairness,
        top=options.top,
        filters=chosen,
        diversity=options.diversity,
    )
    options.show(
        terminal,
        (shared.columns, shared.csv_rows()),
        document=shared.document,
        what=counted(len(shared.movies), "recommendation"),
        text=lambda: shared_report(shared, terminal.out),
    )
    shortfall = chosen.shortfall(len(shared.movies), options.top, noun)
    for note in (*chosen.notes, shortfall, chosen.unknown_lengths(run, shared.known), *shared.cautions):
        if note is not None:
            terminal.note(note)
