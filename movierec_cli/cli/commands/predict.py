"""`movierec predict`: how many stars a user would give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.option_groups import optional, with_option_groups
from movierec_cli.cli.parsing.options import Quiet
from movierec_cli.errors import UsageError
from movierec_cli.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.registry.store import Run


@with_option_groups
def predict_command(
    model: saved.RatingModelOptions,
    options: saved.ResultOptions,
    user: Annotated[int | None, optional("--user", "ID", "A user of the data.")] = None,
    movie: Annotated[
        list[str] | None,
        optional("--movie", "TITLE", "A movie: its title, with or without the year, or its id. Repeatable."),
    ] = None,
    pairs: Annotated[
        Path | None,
        optional(
            "--pairs", "FILE", "Instead of --user and --movie: a CSV file with the columns user and movie."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Predict how many stars a user would give a movie.

    This needs a model that predicts ratings: `movierec train --tasks retrieval rating`.

    Titles need not be exact. If a title fits several movies or none, the
    command shows which it may be. `id:590` is an id even where a title is that number.
    """
    saved.spare_threads()
    from movierec_cli.recommend.predict import PREDICTION_COLUMNS, prediction_rows
    from movierec_cli.recommend.run_choice import FOR_RATINGS
    from movierec_cli.reports.terminal.recommendation_lists import predictions_report

    _check_options(user, movie or [], pairs, options.csv)
    terminal = Terminal(quiet=quiet).take_logs()
    run = model.best(terminal, FOR_RATINGS)
    predictions = _predicted(run, user, movie or [], pairs)
    options.show(
        terminal,
        (PREDICTION_COLUMNS, prediction_rows(predictions)),
        document=lambda: _document(run, predictions),
        what=counted(len(predictions), "prediction"),
        text=lambda: predictions_report(predictions),
    )


def _check_options(user: int | None, movies: Sequence[str], pairs: Path | None, csv: Path | None) -> None:
    if pairs is not None and (user is not None or movies):
        raise UsageError("--pairs FILE names users and movies; omit --user and --movie")
    if pairs is None and (user is None or not movies):
        raise UsageError(
            "give a user and a movie: --user 42 --movie 'Toy Story (1995)'; or both in a file: --pairs FILE"
        )
    if pairs is not None and csv is not None and pairs.resolve() == csv.resolve():
        raise UsageError(f"--csv {csv} would overwrite --pairs {pairs}; name another file")


def _predicted(
    run: Run, user: int | None, movies: Sequence[str], pairs: Path | None
) -> tuple[PredictedRating, ...]:
    from movierec_cli.recommend.movie_search import MovieSearch
    from movierec_cli.recommend.predict import predict, read_pairs

    if pairs is not None:
        return predict(run, read_pairs(pairs, run))
    assert user is not None
    search = MovieSearch(run.catalogue)
    return predict(run, [(user, search.find(text)) for text in movies])


def _document(run: Run, predictions: Sequence[PredictedRating]) -> dict[str, object]:
    from dataclasses import asdict

    from movierec_cli.recommend.response import data_document
    from movierec_cli.recommend.run_choice import validation_rmse

    return {
        "run": run.record.name,
        "validation_rmse": validation_rmse(run.record),
        "data": data_document(run),
        "predictions": [asdict(one) for one in predictions],
    }
