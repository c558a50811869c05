"""The file of `train --config`: options of a training as TOML."""

from pathlib import Path

from movierec_cli.config.train_options import Given, documented_toml_of, read_options
from movierec_cli.errors import DataError, UsageError, problems_named
from movierec_cli.files.atomic import written_whole
from movierec_cli.files.reading import read_content

MAX_FILE_BYTES = 1_000_000


def read_config(file: Path) -> Given:
    """The options that a file gives, by name.

    Raises:
        DataError: it cannot be read, or is no TOML.
        UsageError: it names what is no option, or a value that an option does not take; names the file.
    """
    import tomllib  # costs what most starts need not pay

    content = read_content(file, MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"is larger than {MAX_FILE_BYTES / 1e6:g} MB, so it is no file of options", file=file)
    try:
        found = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"is no TOML: {error}", file=file) from error
    try:
        return read_options(found)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error


def write_config(given: Given, file: Path) -> None:
    """Writes such a file, with every other option as a comment.

    Raises:
        MovierecError: it cannot be written.
    """
    with problems_named(f"the options cannot be written to {file}"), written_whole(file) as unfinished:
        unfinished.write_text(documented_toml_of(given), encoding="utf-8")
