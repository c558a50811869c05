"""From a saved run to a model that other programs load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from movierec_cli import __version__
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.export.model_arrays import model_arrays, sees_time
from movierec_cli.export.npz_model import to_npz
from movierec_cli.export.onnx_model import to_onnx
from movierec_cli.export.output_paths import check_output, write_file, write_folder
from movierec_cli.export.saved_model import write_saved_model
from movierec_cli.recommend.run_choice import FOR_USERS
from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class Exported:
    """A model that was written."""

    path: Path  # absolute; the file, or the folder of the SavedModel's version
    size_bytes: int
    sees_time: bool  # whether it recommends as of any time


def export_run(
    run: Run,
    form: ExportFormat,
    output: Path | None = None,
    *,
    overwrite: bool = False,
    index: IndexKind = IndexKind.BRUTE_FORCE,
) -> Exported:
    """Writes a run's model; it is complete at its place, or absent.

    Args:
        run: of a trained model.
        form: what to write.
        output: where; None: the run's name in the current folder.
        overwrite: whether an exported model that exists already is replaced.
        index: of a SavedModel, how it finds the best movies.

    Raises:
        MovierecError: the run is a baseline, the place is taken or cannot be written to, or a package is
            missing.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    target = output or default_output(run.record.name, form)
    target = target.resolve() if form.is_folder else target.absolute()  # /dev/stdout resolves to no path
    check_output(target, is_folder=form.is_folder, overwrite=overwrite)
    about = _about(run)
    if form.is_folder:
        arrays = model_arrays(run)
        path = write_folder(target, lambda folder: write_saved_model(arrays, index, about, folder))
        size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return Exported(path, size_bytes, sees_time(run))
    described = "\n".join(f"{name}: {value}" for name, value in about.items())
    content = to_npz(run) if form is ExportFormat.NPZ else to_onnx(model_arrays(run), described)
    write_file(target, content)
    return Exported(target, len(content), sees_time(run))


def default_output(run_name: str, form: ExportFormat) -> Path:
    """In the current folder."""
    return Path(f"{run_name}-{form}" if form.is_folder else f"{run_name}.{form}")


def _about(run: Run) -> dict[str, Any]:
    record = run.record
    return {
        "run": record.name,
        "model": record.config.label,
        "data": record.data.description,
        "movierec": __version__,
    }
