"""`movierec predict`: how many stars somebody would give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.commands.models import complete_name
from movierec_cli.cli.console import Terminal
from movierec_cli.cli.parsing import saved_models as saved
from movierec_cli.cli.parsing.options import AsJson, Quiet, SavedModelsDir
from movierec_cli.config import TrainerConfig
from movierec_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.registry.store import Run


def predict_command(
    user: Annotated[
        int | None, typer.Option("--user", metavar="ID", help="Who would rate.", show_default=False)
    ] = None,
    movie: Annotated[
        list[str] | None,
        typer.Option(
            "--movie",
            metavar="TITLE",
            help="What: a title, with or without its year, or an id. Again for another movie.",
            show_default=False,
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            metavar="FILE",
            help="Instead of --user and --movie: CSV with the columns user and movie.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A saved model, by name or its beginning. If not given: the one with the lowest RMSE on "
            "validation.",
            autocompletion=complete_name,
            show_default=False,
        ),
    ] = None,
    dataset: saved.AnyDataset = None,
    saved_models_dir: SavedModelsDir = TrainerConfig.saved_models_dir,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the predictions there.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Predict how many stars a user would give a movie.

    The model must have learned to: `movierec train --tasks retrieval rating`.

    Titles need not be exact; one of several movies, or of none, is answered
    with those it may be. `id:590` is an id even where a title is that number.
    """
    saved.spare_threads()
    from movierec_cli.recommend.rating_runs import best_run, rating_runs

    _check_asked(user, movie or [], pairs, csv)
    terminal = Terminal(quiet=quiet)
    terminal.take_logs()
    runs = rating_runs(saved_models_dir, model)
    chosen = best_run(runs, dataset)
    terminal.note(f"Model: {chosen.run.record.name} ({chosen.reason})")
    predictions = _predicted(chosen.run, user, movie or [], pairs)
    if csv is not None:
        from movierec_cli.recommend.prediction_files import write_predictions

        write_predictions(predictions, csv)
    if as_json:
        terminal.document(_document(chosen.run, predictions))
    else:
        _show(predictions, csv, terminal)


def _check_asked(user: int | None, movies: Sequence[str], pairs: Path | None, csv: Path | None) -> None:
    if pairs is not None and (user is not None or movies):
        raise UsageError("--pairs FILE names users and movies; leave --user and --movie out")
    if pairs is None and (user is None or not movies):
        raise UsageError(
            "say who and what: --user 42 --movie 'Dances with Wolves (1990)', or --pairs FILE with both"
        )
    if pairs is not None and csv is not None and pairs.resolve() == csv.resolve():
        raise UsageError(f"--csv {csv} would overwrite --pairs {pairs}; name another file")


def _predicted(
    run: Run, user: int | None, movies: Sequence[str], pairs: Path | None
) -> tuple[PredictedRating, ...]:
    from movierec_cli.recommend.movie_search import MovieSearch
    from movierec_cli.recommend.predict import predict
    from movierec_cli.recommend.prediction_files import read_pairs

    if pairs is not None:
        return predict(run, read_pairs(pairs, run))
    assert user is not None
    search = MovieSearch(run.catalogue)
    return predict(run, [(user, search.find(text)) for text in movies])


def _show(predictions: Sequence[PredictedRating], csv: Path | None, terminal: Terminal) -> None:
    from movierec_cli.reports.terminal.prediction_table import predictions_report

    if csv is None:
        terminal.out.print(predictions_report(predictions))
        return
    noun = "prediction" if len(predictions) == 1 else "predictions"
    written = f"Written: {csv}, {len(predictions):,} {noun}"
    terminal.out.print(written, markup=False, highlight=False, soft_wrap=True)


def _document(run: Run, predictions: Sequence[PredictedRating]) -> dict[str, object]:
    from dataclasses import asdict

    from movierec_cli.recommend.rating_runs import validation_rmse
    from movierec_cli.recommend.response import data_document

    return {
        "run": run.record.name,
        "validation_rmse": validation_rmse(run.record),
        "data": data_document(run),
        "predictions": [asdict(one) for one in predictions],
    }
