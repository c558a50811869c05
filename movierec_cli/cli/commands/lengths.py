"""`movierec data lengths`: how long the movies of a data set are, and how that is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import ResultTerminal, Terminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import CsvSafe
from movierec_cli.cli.parsing.variadic import given_options
from movierec_cli.config import DataConfig
from movierec_cli.text import counted

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Dataset
    from movierec_cli.data.running_times.apply import Coverage, FoundLengths, MovieLength


@with_option_groups
def lengths_command(
    ctx: typer.Context,
    data: DataConfig,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all movies, to be corrected by hand.")
    ] = None,
    csv_safe: CsvSafe = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget the matches kept; alone, do nothing else.")
    ] = False,
    *,
    terminal: ResultTerminal,
) -> None:
    """Show how many movies have a length, how each was found, and which were not.

    IMDb's list of titles is searched for every movie; the matches are kept.

    Lengths of your own count before IMDb's: write all movies with `--csv FILE`,
    put minutes into the file, and give it back with `--movie_lengths FILE`,
    here and in `train`.
    """
    from movierec_cli.data.running_times.match_cache import clear_matches
    from movierec_cli.data.running_times.titles_file import TITLES_LICENCE

    n_cleared = clear_matches() if clear else None
    if n_cleared is not None and given_options(ctx) <= {"clear", "as_json", "quiet"}:
        terminal.show(
            lambda: {"cleared": n_cleared}, lambda: f"Removed {counted(n_cleared, 'table')} of matches."
        )
        return
    loaded, found, coverage = _looked_up(data, terminal)
    if csv is not None:
        from movierec_cli.data.running_times.apply import write_lengths

        write_lengths(coverage, csv, safe=csv_safe)
    if terminal.as_json:
        terminal.document({**_document(loaded, found, coverage), "cleared": n_cleared})
    else:
        _show(coverage, csv, terminal)
        if found.titles is not None:
            terminal.note(TITLES_LICENCE)
    terminal.warn_all((*loaded.warnings, *(found.corrections.warnings if found.corrections else ())))


def _looked_up(config: DataConfig, terminal: Terminal) -> tuple[Dataset, FoundLengths, Coverage]:
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.data.load import load_dataset
    from movierec_cli.data.running_times.apply import coverage_of, find_lengths

    with ProgressDisplay(terminal) as display:
        loaded = load_dataset(config, progress=display.data_loading)
        found = find_lengths(loaded, config, display.data_loading)
    return loaded, found, coverage_of(loaded, found)


def _show(coverage: Coverage, csv: Path | None, terminal: Terminal) -> None:
    from rich.text import Text

    from movierec_cli.reports.terminal.length_tables import coverage_report

    terminal.out.print(coverage_report(coverage))
    if csv is not None:
        terminal.written(csv, f"{coverage.all.n_movies:,} movies, those without a length first")
    elif coverage.missing.n_movies:
        remedy = (
            "To give lengths yourself: movierec data lengths --csv FILE writes all movies; put minutes into"
            " the file, and name it with --movie_lengths FILE."
        )
        terminal.out.print(Text(remedy, style="cyan"))


def _document(loaded: Dataset, found: FoundLengths, coverage: Coverage) -> dict[str, object]:
    from dataclasses import asdict

    from movierec_cli.data.running_times.apply import lengths_fingerprint

    return {
        "data": {
            "name": loaded.name,
            "description": loaded.description,
            "fingerprint": loaded.fingerprint,
            "lengths_fingerprint": lengths_fingerprint(found.minutes),
        },
        "imdb_titles": None if found.titles is None else str(found.titles),
        "movie_lengths": None if found.corrections is None else str(found.corrections.file),
        "all": asdict(coverage.all),
        "known": asdict(coverage.known),
        "missing": asdict(coverage.missing),
        "known_by": [asdict(count) for count in coverage.known_by],
        "missing_by": [asdict(count) for count in coverage.missing_by],
        "without_length": [_plain(movie) for movie in coverage.movies if movie.minutes is None],
    }


def _plain(movie: MovieLength) -> dict[str, object]:
    entries = [
        {"imdb": entry.tconst, "year": entry.year or None, "minutes": entry.minutes or None}
        for entry in movie.entries
    ]
    return {
        "movie_id": movie.movie_id,
        "title": movie.title,
        "year": movie.year or None,
        "status": movie.status,
        "rule": movie.rule,
        "n_ratings": movie.n_ratings,
        "candidates": entries,
    }
