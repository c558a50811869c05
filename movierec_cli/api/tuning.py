"""Searching for settings from Python: the options of `movierec tune` as keywords."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from movierec_cli.api.comparing import LoggingObserver
from movierec_cli.api.keywords import TuneKeywords
from movierec_cli.api.saved_run import SavedRun
from movierec_cli.api.training_call import frames_of, refuse_other_data
from movierec_cli.config.config_file import read_config, write_config
from movierec_cli.config.train_options import beside, read_options
from movierec_cli.config.tune_options import TUNE_OPTIONS, require_fixed
from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import UsageError
from movierec_cli.experiment.loading import load_source
from movierec_cli.experiment.search_plan import TuneRequest
from movierec_cli.experiment.tune import tune as search
from movierec_cli.experiment.tuned import Tuned
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.records import dataclass
from movierec_cli.reports import tuning_tables
from movierec_cli.reports.web.markup import html_table, joined, tag, tags

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@dataclass(frozen=True)
class TuningResult:
    """What a search found. In a notebook it shows the answer and the finalists.

    Attributes:
        tuned: everything that was found.
        best: the winner, with the first of its seeds.
        runs: the winner with each seed, then the settings that the search began with.
    """

    tuned: Tuned = field(repr=False)
    runs: tuple[SavedRun, ...]

    @property
    def best(self) -> SavedRun:
        """The winner, with the first of its seeds."""
        return self.runs[0]

    @property
    def answer(self) -> tuple[str, ...]:
        """What was found, in sentences, the most important first."""
        return self.tuned.answer

    @property
    def options(self) -> dict[str, Any]:
        """The winner's options, as keywords of `MovieLensTrainer`."""
        return dict(self.tuned.options)

    def trials(self) -> pl.DataFrame:
        """Every trial: columns family, trial, state, score, epoch, seconds, then the settings.

        >>> tuned.trials()["state"].to_list()
        ['finished', 'finished']

        The score is the metric on validation of the best epoch; empty where the trial did not finish.
        """
        rows = [
            {
                "family": str(one.family),
                "trial": trial.number,
                "state": str(trial.outcome.state),
                "score": trial.outcome.score,
                "epoch": trial.outcome.epoch,
                "seconds": trial.outcome.seconds,
                **trial.values,
            }
            for one in self.tuned.searches
            for trial in one.trials
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def write_page(self, file: str | Path) -> Path:
        """Writes the web page of the search; gives its absolute path.

        Raises:
            MovierecError: it cannot be written.
        """
        from movierec_cli.reports.web.tuning_page import write_tuning_page

        return write_tuning_page(self.tuned, Path(file))

    def write_config(self, file: str | Path) -> None:
        """Writes the winner's options as a file for `movierec train --config`.

        Raises:
            MovierecError: it cannot be written.
        """
        write_config(self.tuned.options, Path(file))

    def _repr_html_(self) -> str:
        """For notebooks."""
        first, *others = self.answer
        table = tuning_tables.finalists(self.tuned)
        shown = (tag("h4", table.title), html_table(table))
        return joined((tag("p", tag("strong", first)), tags("p", others), *shown))


def tune(
    dataset: str | IntoFrame | None = None,
    *,
    items: IntoFrame | None = None,
    users: IntoFrame | None = None,
    name: str = "frame",
    config: str | Path | None = None,
    observer: TrainingObserver | None = None,
    **options: Unpack[TuneKeywords],
) -> TuningResult:
    """Searches for the settings that are best on validation, as `movierec tune` does.

    >>> tuned = tune(
    ...     "sample", trials=2, seeds=1, finalists=1, num_epochs=5, saved_models_dir=saved_models_dir,
    ...     space={"embedding_size": [4, 8], "dropout": "0..0.5"},
    ... )
    >>> tuned.trials()["trial"].to_list()
    [0, 1]

    Args:
        dataset: the name of a data set, as "100k" or "sample"; or a data frame with a rating in each row.
        items: beside such a frame, one of the items.
        users: beside such a frame, one of the users.
        name: what the data set of frames is called.
        config: a file of options, as of `movierec train --config`, to begin with; keywords win.
        observer: told of the progress; without one, warnings and notes go to the log "movierec_cli".
        options: every option of `movierec tune`, by its name.

    Raises:
        UsageError: an option is unknown or wrong, in the words of the command line.
        MovierecError: the data cannot be had or split, no trial finished, or the trials cannot be kept.
    """
    named = dataset if isinstance(dataset, str) else None
    frames = frames_of(None if named is not None else dataset, items, users, name)
    given = read_options({"dataset": named, **options}, TUNE_OPTIONS)
    if config is not None:
        from_file = read_config(Path(config))
        for one in from_file:
            require_fixed(one)
        given = beside(from_file, given)
    if frames is not None:
        refuse_other_data(given)
    listener = observer or LoggingObserver()
    request = TuneRequest.of(given, has_command=frames is None)
    if request.options.write_config is not None and frames is not None:
        raise UsageError("data frames cannot be written as options; leave write_config out")
    source: Dataset | None = None
    if frames is not None:
        data = request.plans[0].config.data
        source = load_source(data, listener, feature_sets=request.widest_sets, read=frames.read)
    tuned = search(request, listener, source)
    result = TuningResult(tuned, tuple(SavedRun(run, source) for run in tuned.runs))
    if request.options.write_config is not None:
        result.write_config(request.options.write_config)
    if "output" in given or request.options.open_page:
        page = result.write_page(request.options.output)
        if request.options.open_page:
            import webbrowser

            webbrowser.open(page.as_uri())
    return result
