"""`movierec check-plugin`: whether what a package brings does what movierec's own does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import optional, with_option_groups
from movierec_cli.cli.parsing.options import DatasetsDir
from movierec_cli.config import DataConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from movierec_cli.contract.plugin_check import CheckedEntry

BROKEN = 1
"""The exit code where an entry does not meet its contract."""


@with_option_groups
def check_plugin_command(
    name: Annotated[str, typer.Argument(help="An entry's name, or an installed package's, for all it has.")],
    archive: Annotated[
        Path | None,
        optional(
            "--archive", "PATH", "Fit features and families to these data. By default to the embedded sample."
        ),
    ] = None,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    *,
    terminal: ResultTerminal,
) -> None:
    """Check a feature, family, metric or layout that an installed package brings.

    What is built in is checked in the same way: docs/plugins.md says what each must do. Each
    line is one thing that an entry must do; where it does not, the line says what it does. The exit code is 1
    where anything fails.
    """
    from movierec_cli.contract.plugin_check import check_plugin
    from movierec_cli.storage.serialization import encode

    data = DataConfig(archive=archive, datasets_dir=datasets_dir) if archive is not None else None
    checked = check_plugin(name, data)
    terminal.show(lambda: {"entries": encode(checked)}, lambda: _lines(checked))
    if not all(one.is_sound for one in checked):
        raise typer.Exit(BROKEN)


def _lines(checked: Sequence[CheckedEntry]) -> Text:
    from rich.text import Text

    from movierec_cli.text import counted

    lines = []
    for one in checked:
        lines.append(Text(f"{one.kind} {one.name}, of {one.package} {one.version} ({one.target})", "bold"))
        for claim in one.claims:
            word = ("FAILS", "bold red") if claim.problem else ("holds", "green")
            said = f"{claim.sentence}: {claim.problem}" if claim.problem else claim.sentence
            lines.append(Text.assemble("  ", word, "  ", said))
    n_broken = sum(not one.is_sound for one in checked)
    n_sound = counted(len(checked) - n_broken, "entry does", "entries do") + " all of it"
    lines.append(Text(f"{n_sound}, {counted(n_broken, 'does', 'do')} not" if n_broken else n_sound))
    return Text("\n").join(lines)
