"""From a saved run to a model that other programs load; it is complete at its place, or absent."""

from collections.abc import Callable
from pathlib import Path

from movierec_cli import __version__
from movierec_cli.errors import MovierecError, problems_named
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.export.model_arrays import SECONDS, ModelArrays
from movierec_cli.export.npz_model import to_npz
from movierec_cli.export.onnx_model import to_onnx
from movierec_cli.export.saved_model import is_saved_model, write_saved_model
from movierec_cli.files.atomic import check_place, recover, written_folder, written_whole
from movierec_cli.recommend.run_choice import FOR_USERS
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run

FIRST_VERSION = "1"


@dataclass(frozen=True)
class Exported:
    """A model that was written."""

    path: Path  # absolute; the file, or the folder of the SavedModel's version
    size_bytes: int
    sees_time: bool  # whether it recommends as of any time
    history_inputs: tuple[str, ...] = ()  # by which it is told of new users' histories


def export_run(
    run: Run,
    form: ExportFormat,
    output: Path | None = None,
    *,
    overwrite: bool = False,
    index: IndexKind = IndexKind.BRUTE_FORCE,
) -> Exported:
    """Writes the model of a trained run to `output`, by default the run's name in the current folder.

    With `overwrite`, an exported model that exists already is replaced. `index` is of a SavedModel:
    how it finds the best movies.

    Raises:
        MovierecError: the run does not fit the format, the place is taken or cannot be written to, or a
            package is missing.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    name, label, data = run.record.name, run.record.config.label, run.record.data.description
    about = {"run": name, "model": label, "data": data, "movierec": __version__}
    target = output or default_output(name, form)
    target = target.resolve() if form.is_folder else target.absolute()  # /dev/stdout resolves to no path
    check_output(target, is_folder=form.is_folder, overwrite=overwrite)
    arrays = ModelArrays(run)
    told = () if form is ExportFormat.NPZ else arrays.history_inputs
    sees_time = arrays.context_tower is not None or SECONDS in told
    # What does not fit the format is refused before an engine is loaded.
    if form is not ExportFormat.NPZ and arrays.weights is not None and index is not IndexKind.BRUTE_FORCE:
        raise MovierecError(
            f"--index {index} finds what is near in vectors, and {name} adds up weights from"
            f" {run.record.data.noun} to {run.record.data.noun}; leave it out: brute force is exact"
        )
    if form.is_folder:
        path = write_folder(target, lambda folder: write_saved_model(arrays, index, about, folder))
        size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return Exported(path, size_bytes, sees_time, told)
    described = "\n".join(f"{key}: {value}" for key, value in about.items())
    content = to_npz(run) if form is ExportFormat.NPZ else to_onnx(arrays, described)
    with problems_named(f"{target} cannot be written"), written_whole(target) as unfinished:
        unfinished.write_bytes(content)
    return Exported(target, len(content), sees_time, told)


def default_output(run_name: str, form: ExportFormat) -> Path:
    """In the current folder."""
    return Path(f"{run_name}-{form}" if form.is_folder else f"{run_name}.{form}")


def check_output(target: Path, *, is_folder: bool, overwrite: bool) -> None:
    """Checks before the work that the output can be written.

    Raises:
        MovierecError: the place is taken or cannot be written to.
    """
    recover(target.parent)
    if target.exists():
        _check_taken(target, is_folder, overwrite)
    with problems_named(f"{target} cannot be written"):
        check_place(target)


def write_folder(target: Path, write: Callable[[Path], None]) -> Path:
    """Puts a SavedModel in place of one that was there.

    A folder named by a whole number is itself what TensorFlow Serving calls a version; any other holds the
    version `FIRST_VERSION`. Until it is complete it has a hidden name, which TensorFlow Serving takes for no
    version. `write` gets a folder that is not there yet; the result is the folder of the version.

    Raises:
        MovierecError: it cannot be written.
    """
    version = "" if target.name.isdigit() else FIRST_VERSION
    with problems_named(f"{target} cannot be written"), written_folder(target, _is_exported) as unfinished:
        write(unfinished / version)
    return target / version


def _check_taken(target: Path, is_folder: bool, overwrite: bool) -> None:
    is_empty_folder = target.is_dir() and not any(target.iterdir())
    is_sink = not target.is_dir() and not target.is_file()  # a pipe or a device, which keeps nothing
    if is_empty_folder if is_folder else is_sink:
        return
    if target.is_dir() != is_folder:
        kind, needed = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise MovierecError(
            f"{target} is a {kind}, and this format is a {needed}; name another place with --output"
        )
    if not overwrite:
        raise MovierecError(
            f"{target} exists; replace it with --overwrite, or name another place with --output"
        )
    if is_folder and not _is_exported(target):
        raise MovierecError(
            f"{target} holds something else than an exported model, so --overwrite leaves it alone; name"
            " another place with --output"
        )


def _is_exported(folder: Path) -> bool:
    """A version, or a folder of nothing but versions."""
    return is_saved_model(folder) or all(map(is_saved_model, folder.iterdir()))
