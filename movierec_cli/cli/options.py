"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else, on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on the way; warnings and errors still come.")
]
SavedModelsDir = Annotated[
    Path, typer.Option("--saved_models_dir", metavar="FOLDER", help="Where trained models are kept.")
]
DatasetsDir = Annotated[
    Path,
    typer.Option(
        "--datasets_dir", metavar="FOLDER", help="Where archives and the columns read from them are kept."
    ),
]


def complete_dataset(incomplete: str) -> list[tuple[str, str]]:
    """Data set names and titles for the shell."""
    from movierec_cli.data.sources import SOURCES

    return [(key, source.title) for key, source in SOURCES.items() if key.startswith(incomplete)]
