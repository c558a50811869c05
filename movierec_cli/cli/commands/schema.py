"""`movierec schema`: what programs find in the documents of `--json`."""

from typing import Annotated

import typer

from movierec_cli.cli.console import Terminal
from movierec_cli.errors import UsageError


def schema_command(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="A command, such as train or models list. By default all."),
    ] = None,
) -> None:
    """Print the JSON Schema of what a command prints with --json.

    Each document has `schema_version`, which is raised where a key goes or
    changes its meaning; keys may be added without that.
    """
    from movierec_cli.reports.documents import DOCUMENTS, document_schema

    terminal, name = Terminal(), " ".join(command or ())
    if name and name not in DOCUMENTS:
        raise UsageError(f"'{name}' prints no JSON; these commands do: {', '.join(DOCUMENTS)}")
    if name:
        terminal.document(document_schema(name))
    else:
        terminal.document({"commands": {one: document_schema(one) for one in DOCUMENTS}})
