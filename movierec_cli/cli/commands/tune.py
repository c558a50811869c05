"""`movierec tune`: a search for settings, or for sets of features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.help_page import HelpAll
from movierec_cli.cli.parsing.option_groups import GivenOf, optional, with_option_groups
from movierec_cli.config.train_options import Given, beside
from movierec_cli.config.tune_options import TUNE_OPTIONS, tune_default_shown


@with_option_groups
def tune_command(
    *,
    given: Annotated[Given, GivenOf(TUNE_OPTIONS, tune_default_shown)],
    config: Annotated[
        Path | None,
        optional("--config", "FILE", "Options of a training from a file, as train takes it, to begin with."),
    ] = None,
    help_all: HelpAll = False,
    terminal: ResultTerminal,
) -> None:
    """Search for the settings of a model that are best on validation.

    Trials are trained on train and judged on validation alone. The best ones
    and the settings that the search begins with are trained with several
    seeds; the best of these is trained and saved as `movierec train` would,
    and judged on test, once.

    Options of train are the same for all trials, and what is given is not
    searched: `--dropout 0.3` leaves the other settings to the search. To
    search it from there, name it in `--space`.

    The same command goes on with a search that was interrupted. Needs the
    package optuna.
    """
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.config.config_file import read_config, write_config
    from movierec_cli.config.tune_options import require_fixed
    from movierec_cli.experiment.search_plan import TuneRequest
    from movierec_cli.experiment.tune import tune
    from movierec_cli.reports.terminal.tuning_text import tuning_text
    from movierec_cli.reports.tuning_document import tuning_document
    from movierec_cli.reports.web.pages import check_writable
    from movierec_cli.reports.web.tuning_page import write_tuning_page

    if config is not None:
        from_file = read_config(config)
        for name in from_file:
            require_fixed(name)
        given = beside(from_file, given)
    request = TuneRequest.of(given)
    options = request.options
    check_writable(options.output)
    if options.write_config is not None:
        check_writable(options.write_config, "the winner's options", "winner.toml")
    with ProgressDisplay(terminal) as observer:
        tuned = tune(request, observer)
    page = write_tuning_page(tuned, options.output)
    if options.write_config is not None:
        write_config(tuned.options, options.write_config)
        terminal.note(f"Written: {options.write_config}, for movierec train --config")
    terminal.show(lambda: tuning_document(tuned, page), lambda: tuning_text(tuned, page, terminal.out))
    if options.open_page:
        typer.launch(page.as_uri())
