"""`movierec similar`: what a model places near a movie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import ListOptions, ModelOptions, spare_threads
from movierec_cli.errors import UsageError
from movierec_cli.recommend.filter_options import FilterOptions
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.recommend.filters import Filters
    from movierec_cli.recommend.response import SimilarMovies


@with_option_groups
def similar_command(
    model: ModelOptions,
    filters: FilterOptions,
    options: ListOptions,
    title: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TITLE",
            help="A movie, before any option: its title, with or without the year, or its id.",
            show_default=False,
        ),
    ] = None,
    *,
    terminal: ResultTerminal,
) -> None:
    """Show the movies that a model places nearest to one movie.

    Movies are near where the same users rate them, as the model has learned:
    the similarity is the cosine of the two movies' embeddings, 1 at most; of
    EASE and item-kNN, the weight from the first movie to the other.

    The title need not be exact, and a piece of it is enough. If it fits several
    movies, the command asks which; in a pipe or with `--json` it takes the best
    known and says so. `id:590` is an id even where a title is that number.
    """
    spare_threads()
    from movierec_cli.cli.parsing.movie_titles import finder
    from movierec_cli.recommend.response import SIMILAR_COLUMNS, similar_movies
    from movierec_cli.recommend.run_choice import FOR_LIKENESS
    from movierec_cli.reports.terminal.recommendation_lists import similar_report

    text = " ".join(title or ())  # a title without quotes is several arguments
    if not text.strip():
        raise UsageError("say which movie, before any option: movierec similar 'Toy Story (1995)'")
    request = filters.checked(include_seen=True)
    run = model.best(terminal, FOR_LIKENESS)
    noun = run.record.data.noun
    chosen = request.of(run.catalogue, noun)
    (row,) = finder(run, terminal)([text], run.catalogue, "TITLE", noun)
    found = similar_movies(run, row, top=options.top, filters=chosen)
    options.show(
        terminal,
        (SIMILAR_COLUMNS, found.csv_rows()),
        document=found.document,
        what=counted(len(found.movies), noun),
        text=lambda: similar_report(found, terminal.out),
    )
    _note(found, chosen, options.top, terminal)


def _note(found: SimilarMovies, filters: Filters, top: int, terminal: Terminal) -> None:
    import numpy as np

    shortfall = filters.shortfall(len(found.movies), top, found.run.record.data.noun)
    others = replace(filters, include_seen=False)  # the movie itself is not missing
    unknown_lengths = others.unknown_lengths(found.run, np.array([found.row]))
    for message in (*filters.notes, *found.cautions, shortfall, unknown_lengths):
        if message is not None:
            terminal.note(message)
