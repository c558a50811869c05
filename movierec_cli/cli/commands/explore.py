"""`movierec explore`: a saved model as a web page to explore."""

from pathlib import Path

import typer

from movierec_cli.cli.console import CommandTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import ModelOptions, OpenPage, PageFile

DEFAULT_PAGE = Path("explore.html")


@with_option_groups
def explore_command(
    model: ModelOptions,
    output: PageFile = DEFAULT_PAGE,
    open_page: OpenPage = False,
    *,
    terminal: CommandTerminal,
) -> None:
    """Write one web page for exploring what a model has learned.

    Name movies that you like to see what the model recommends to you, and
    why. Search for a movie to see the movies nearest to it, on a map and in
    a list, or for a user to see theirs. A map needs a model of embeddings or
    factors; EASE, item-kNN and popularity get lists without one.

    The page is one file, needs no network, and has an address for each movie
    and user: `explore.html#user=42`. `movierec serve` shows the same for all
    saved models.
    """
    from movierec_cli.recommend.run_choice import FOR_USERS, FOR_VECTORS
    from movierec_cli.reports.web.explore_page import write_explore
    from movierec_cli.reports.web.pages import check_writable

    check_writable(output)
    run = model.best(terminal, FOR_USERS, preferred=FOR_VECTORS)
    written = write_explore(run, output)
    terminal.warn_all(written.left_out)
    terminal.line(f"Page: {written.page}")
    if open_page:
        typer.launch(written.page.as_uri())
