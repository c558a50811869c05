"""`movierec similar`: what a model places near a movie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import filter_options
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.options import AsJson, Quiet, SavedModelsDir
from movierec_cli.config import TrainerConfig
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from movierec_cli.recommend.filters import Filters
    from movierec_cli.recommend.similar import SimilarMovies


def similar_command(
    title: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TITLE",
            help="A movie, before any option: its title, with or without its year, or its id.",
            show_default=False,
        ),
    ] = None,
    model: saved.BestModel = None,
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many movies.")] = 10,
    genre: filter_options.GenreNames = None,
    not_genre: filter_options.NotGenreNames = None,
    year: filter_options.Years = None,
    max_length: filter_options.MaxMinutes = None,
    min_popularity: filter_options.MinPopularity = None,
    max_popularity: filter_options.MaxPopularity = None,
    exclude: filter_options.ExcludeFile = None,
    dataset: saved.AnyDataset = None,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the movies there.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the movies that a model places nearest to one movie.

    Near are movies that the same people rate, as the model has learned it:
    similarity is the cosine of the two movies' embeddings, 1 at most.

    The title need not be exact; one of several movies, or of none, is answered
    with those it may be. `id:590` is an id even where a title is that number.
    """
    saved.spare_threads()
    from movierec_cli.cli.parsing.filter_options import filter_request
    from movierec_cli.cli.parsing.movie_titles import rows_of
    from movierec_cli.recommend.similar import similar_movies

    wanted = _wanted(title, top)
    asked = filter_request(
        genre=genre,
        not_genre=not_genre,
        year=year,
        max_length=max_length,
        min_popularity=min_popularity,
        max_popularity=max_popularity,
        exclude=exclude,
        include_seen=True,
    )
    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    run = saved.best_run(saved_models_dir, model, dataset, terminal)
    filters = asked.of(run.catalogue)
    (row,) = rows_of([wanted], run.catalogue, "TITLE", terminal)
    found = similar_movies(run, row, top=top, filters=filters)
    _tell(found, csv=csv, as_json=as_json, terminal=terminal)
    _note(found, filters, top, terminal)


def _wanted(title: list[str] | None, top: int) -> str:
    """The words of a title without quotes are the title too."""
    wanted = " ".join(title or ())
    if not wanted.strip():
        raise UsageError("say which movie, before any option: movierec similar 'Toy Story (1995)'")
    if top < 1:
        raise UsageError(f"--top is {top}; it must be 1 or more")
    return wanted


def _tell(found: SimilarMovies, *, csv: Path | None, as_json: bool, terminal: Terminal) -> None:
    from movierec_cli.recommend.similar import similar_document, write_similar
    from movierec_cli.reports.terminal.similar_table import similar_report

    if csv is not None:
        write_similar(found, csv)
    if as_json:
        terminal.document(similar_document(found))
    elif csv is None:
        terminal.out.print(similar_report(found, terminal.out))
    else:
        noun = "movie" if len(found.movies) == 1 else "movies"
        written = f"Written: {csv}, {len(found.movies):,} {noun}"
        terminal.out.print(written, markup=False, highlight=False, soft_wrap=True)


def _note(found: SimilarMovies, filters: Filters, top: int, terminal: Terminal) -> None:
    import numpy as np

    shortfall = filters.shortfall(len(found.movies), top)
    others = replace(filters, include_seen=False)  # the movie itself is nobody's loss
    unknown_lengths = others.unknown_lengths(found.run, np.array([found.row]))
    for message in (found.caution, shortfall, unknown_lengths):
        if message is not None:
            terminal.note(message)
