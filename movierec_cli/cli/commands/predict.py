"""`movierec predict`: how many stars a user would give."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import RatingModelOptions, ResultOptions, spare_threads
from movierec_cli.errors import UsageError
from movierec_cli.recommend.list_options import PairOptions
from movierec_cli.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.registry.store import Run


@with_option_groups
def predict_command(
    model: RatingModelOptions, wanted: PairOptions, options: ResultOptions, terminal: ResultTerminal
) -> None:
    """Predict how many stars a user would give a movie.

    This needs a model that predicts ratings: `movierec train --tasks retrieval rating`.
    With `--ratings_file`, it predicts for a new user, from their own ratings.

    Titles need not be exact, and a piece of one is enough. If it fits several
    movies, the command asks which; in a pipe or with `--json` it takes the best
    known and says so. `id:590` is an id even where a title is that number.
    """
    spare_threads()
    from movierec_cli.cli.parsing.movie_titles import finder
    from movierec_cli.recommend.predict import PREDICTION_COLUMNS, prediction_rows
    from movierec_cli.recommend.run_choice import FOR_RATINGS
    from movierec_cli.reports.terminal.recommendation_lists import predictions_report

    if wanted.pairs and options.csv and wanted.pairs.resolve() == options.csv.resolve():
        raise UsageError(f"--csv {options.csv} would overwrite --pairs {wanted.pairs}; name another file")
    run = model.best(terminal, FOR_RATINGS)
    batch = wanted.predicted(run, finder(run, terminal), terminal.note)
    predictions = batch.wanted
    options.show(
        terminal,
        (PREDICTION_COLUMNS, prediction_rows(predictions)),
        document=lambda: _document(run, predictions),
        what=counted(len(predictions), "prediction"),
        text=lambda: predictions_report(predictions, run.record.data),
    )
    terminal.warn_all(batch.warnings)


def _document(run: Run, predictions: Sequence[PredictedRating]) -> dict[str, object]:
    from movierec_cli.recommend.response import data_document
    from movierec_cli.recommend.run_choice import validation_rmse

    return {
        "run": run.record.name,
        "validation_rmse": validation_rmse(run.record),
        "data": data_document(run),
        "predictions": [asdict(one) for one in predictions],
    }
