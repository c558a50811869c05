"""`movierec predict`: how many stars a user would give."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
# ruff: noqa: RUF009
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import RatingModelOptions, ResultOptions, spare_threads
from movierec_cli.cli.parsing.user_options import UserOptions
from movierec_cli.config.setting import setting
from movierec_cli.errors import UsageError
from movierec_cli.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from movierec_cli.recommend.batch_files import Batch
    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class PairOptions:
    """Whose stars for which movies; see `with_option_groups`."""

    user: str | None = setting(None, "A user of the data.", "ID")
    ratings_file: Path | None = setting(
        None, "Instead of --user: a new user's own ratings, as recommend --ratings_file takes them.", "FILE"
    )
    movie: list[str] | None = setting(
        None, "A movie: its title, with or without the year, or its id. Repeatable.", "TITLE"
    )
    pairs: Path | None = setting(
        None, "Instead of --user and --movie: a file with the columns user and movie, such as CSV.", "FILE"
    )

    def __post_init__(self) -> None:
        """Raises a `UsageError` for too little, or for two users."""
        if self.user is not None and self.ratings_file is not None:
            raise UsageError("--user and --ratings_file name different users; give one of them")
        has_user = self.user is not None or self.ratings_file is not None
        if self.pairs is None and not (has_user and self.movie):
            raise UsageError(
                "give a user and a movie: --user 42 --movie 'Toy Story (1995)'; or both in a file:"
                " --pairs FILE; or a new user's ratings: --ratings_file FILE --movie"
            )

    def predicted(self, run: Run, terminal: ResultTerminal) -> Batch[PredictedRating]:
        """The predictions, and what is to be said of the file that they came from."""
        from movierec_cli.recommend.batch_files import Batch, read_pairs
        from movierec_cli.recommend.movie_search import MovieSearch
        from movierec_cli.recommend.predict import predict, predict_for

        if self.pairs is not None:
            batch = read_pairs(self.pairs, run)
            return Batch(predict(run, batch.wanted), batch.warnings)
        search = MovieSearch(run.catalogue, run.record.data.noun)
        if self.ratings_file is None:
            assert self.user is not None
            return Batch(predict(run, [(self.user, search.find(text)) for text in self.movie or ()]))
        from movierec_cli.recommend.new_user_stars import folded_in_note

        user, _ = UserOptions(ratings_file=self.ratings_file).on(run, terminal)
        predictions = predict_for(run, user, [search.find(text) for text in self.movie or ()])
        terminal.note(folded_in_note(run, user))
        return Batch(predictions)


@with_option_groups
def predict_command(
    model: RatingModelOptions, wanted: PairOptions, options: ResultOptions, terminal: ResultTerminal
) -> None:
    """Predict how many stars a user would give a movie.

    This needs a model that predicts ratings: `movierec train --tasks retrieval rating`.
    With `--ratings_file`, it predicts for a new user, from their own ratings.

    Titles need not be exact. If a title fits several movies or none, the
    command shows which it may be. `id:590` is an id even where a title is that number.
    """
    spare_threads()
    from movierec_cli.recommend.predict import PREDICTION_COLUMNS, prediction_rows
    from movierec_cli.recommend.run_choice import FOR_RATINGS
    from movierec_cli.reports.terminal.recommendation_lists import predictions_report

    if wanted.pairs and options.csv and wanted.pairs.resolve() == options.csv.resolve():
        raise UsageError(f"--csv {options.csv} would overwrite --pairs {wanted.pairs}; name another file")
    run = model.best(terminal, FOR_RATINGS)
    batch = wanted.predicted(run, terminal)
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
