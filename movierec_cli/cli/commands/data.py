"""`movierec data`: the data sets on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import AsJson, ResultTerminal
from movierec_cli.cli.parsing.completions import complete_dataset
from movierec_cli.cli.parsing.option_groups import GivenOf, optional, with_option_groups
from movierec_cli.cli.parsing.options import DatasetsDir
from movierec_cli.config import DataConfig, SplitConfig
from movierec_cli.config.families import Settings
from movierec_cli.config.filled_settings import split_of_data
from movierec_cli.config.settings import Reading
from movierec_cli.config.shown_defaults import own_default
from movierec_cli.config.train_options import Given, options_of, part_of

if TYPE_CHECKING:
    from rich.table import Table

    from movierec_cli.data.datasets_folder import SourceInfo, StoredArchive

_SPLIT = options_of(SplitConfig)


def info_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Which data sets; all of them if none.", autocompletion=complete_dataset
        ),
    ] = None,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    as_json: AsJson = False,
) -> None:
    """Show the data sets: what is here, how large it is, where it comes from, under which terms."""
    from rich.console import Group

    from movierec_cli.data.datasets_folder import describe_source
    from movierec_cli.data.sources import SOURCES

    terminal = ResultTerminal(as_json=as_json)
    infos = [describe_source(name, datasets_dir) for name in names or SOURCES]
    terminal.show(
        lambda: {"data_sets": [_plain(info) for info in infos]},
        lambda: Group(*map(_details, infos)) if names else _overview(infos),
    )
    terminal.warn_all(warning for info in infos for warning in info.warnings)


@with_option_groups
def fetch_command(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Which data sets.", autocompletion=complete_dataset)
    ],
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    url: Annotated[
        str | None, optional("--url", "URL", "A mirror; what it gives must still be the published file.")
    ] = None,
    *,
    terminal: ResultTerminal,
) -> None:
    """Download data sets anew, verify and read them."""
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.data.datasets_folder import fetch_source

    with ProgressDisplay(terminal) as display:
        stored = [fetch_source(name, datasets_dir, url=url, progress=display.data_loading) for name in names]
    _show_stored(stored, terminal)


@with_option_groups
def import_command(
    archive: Annotated[Path, typer.Argument(help="A zip, or a folder that one unpacks to.")],
    dataset: Annotated[
        str | None,
        optional(
            "--dataset",
            "NAME",
            "Which data set it is, where that cannot be told from it.",
            autocompletion=complete_dataset,
        ),
    ] = None,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    *,
    terminal: ResultTerminal,
) -> None:
    """Check a MovieLens archive you have, and copy it to where `train` looks for it."""
    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.data.datasets_folder import import_archive

    with ProgressDisplay(terminal) as display:
        stored = import_archive(archive, datasets_dir, key=dataset, progress=display.data_loading)
    _show_stored([stored], terminal)


@with_option_groups
def describe_command(
    path: Annotated[Path, typer.Argument(help="A file, a folder or a zip.")],
    reading: Reading,
    datasets_dir: DatasetsDir = DataConfig.datasets_dir,
    *,
    terminal: ResultTerminal,
) -> None:
    """Say what would be read of files: columns, kinds, counts, features, and the command to train."""
    from dataclasses import asdict

    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.describe import describe_data
    from movierec_cli.reports.terminal.description import description_text

    config = DataConfig(archive=path, datasets_dir=datasets_dir, **vars(reading))
    with ProgressDisplay(terminal) as display:
        found = describe_data(config, display.data_loading)
    for note in found.notes:
        terminal.note(note)
    terminal.show(lambda: asdict(found), lambda: description_text(found))
    terminal.warn_all(found.warnings)


@with_option_groups
def split_command(
    data: DataConfig,
    given: Annotated[Given, GivenOf(_SPLIT, lambda name: own_default(_SPLIT[name]))],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Write the files into this new folder.")
    ],
    *,
    terminal: ResultTerminal,
) -> None:
    """Write train, validation and test as CSV, for another library; evaluate --lists judges what it makes.

    They are what `train` makes with the same options.
    """
    from dataclasses import asdict

    from movierec_cli.cli.progress_display import ProgressDisplay
    from movierec_cli.experiment.written_split import README, write_split

    split = part_of(SplitConfig, given)
    with ProgressDisplay(terminal) as observer:
        written = write_split(data, split, output, observer, of_data=split_of_data(given, Settings.family))
    document = {"folder": str(output), "split": asdict(written.config), "summary": asdict(written.summary)}
    sentence = written.summary.sentence(written.config, written.dataset.noun)
    terminal.show(lambda: document, lambda: f"{output}: {sentence}\nHow to use it: {output / README}")


def _show_stored(stored: list[StoredArchive], terminal: ResultTerminal) -> None:
    if terminal.as_json:
        terminal.document({"data_sets": [_plain(archive) for archive in stored]})
    else:
        for archive in stored:
            terminal.line(
                f"{archive.key}: {archive.n_ratings:,} ratings of {archive.n_movies:,} movies by "
                f"{archive.n_users:,} users in {archive.path}"
            )
    terminal.warn_all(warning for archive in stored for warning in archive.warnings)


def _plain(info: SourceInfo | StoredArchive) -> dict[str, object]:
    from dataclasses import asdict

    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(info).items()}


def _overview(infos: list[SourceInfo]) -> Table:
    from movierec_cli.reports.terminal.rich_tables import new_table

    table = new_table()
    for header in ("name", "what", "here", "ratings"):
        table.add_column(header, justify="right" if header == "ratings" else "left", overflow="fold")
    for info in infos:
        here = "built in" if info.is_simulated else str(info.path or "no")
        table.add_row(info.key, info.title, here, "" if info.n_ratings is None else f"{info.n_ratings:,}")
    return table


def _details(info: SourceInfo) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2), expand=False)
    for name, value in _facts(info).items():
        if value is not None:
            table.add_row(name, str(value))
    return table


def _facts(info: SourceInfo) -> dict[str, object]:
    times = (info.first_timestamp, info.last_timestamp)
    dates = [datetime.fromtimestamp(time, UTC).date().isoformat() for time in times if time is not None]
    return {
        "name": info.key,
        "what": info.title,
        "here": "built in" if info.is_simulated else info.path or "no",
        "ratings": info.n_ratings,
        "movies": info.n_movies,
        "users": info.n_users,
        "dates": " to ".join(dates) or None,
        "bytes": info.size_bytes,
        "sha256": info.fingerprint,
        "published sha256": info.published_sha256,
        "from": info.url,
        "ages, genders": "yes" if info.has_users else "no",
        "terms": info.licence,
    }
