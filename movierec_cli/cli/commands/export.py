"""`movierec export`: a model for other programs."""

from __future__ import annotations

# `setting` is `dataclasses.field`, which ruff cannot see.
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from movierec_cli.cli.console import ResultTerminal
from movierec_cli.cli.parsing.option_groups import with_option_groups
from movierec_cli.cli.parsing.options import ModelOptions
from movierec_cli.config.setting import setting
from movierec_cli.export.kinds import ExportFormat, IndexKind
from movierec_cli.records import dataclass

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Id
    from movierec_cli.export.export_run import Exported
    from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class ExportOptions:
    """What is written, and how; see `with_option_groups`."""

    form: ExportFormat = setting(
        ExportFormat.SAVEDMODEL,
        "savedmodel (for TensorFlow and TensorFlow Serving), onnx (for ONNX Runtime) or npz (arrays for"
        " NumPy).",
        "KIND",
        option="format",
    )
    overwrite: bool = setting(False, "Replace an exported model that exists already.")
    index: IndexKind = setting(
        IndexKind.BRUTE_FORCE,
        "How a SavedModel finds the best movies: brute-force (exact) or scann (approximate, for very large"
        " catalogues; needs the package scann, also where the model is loaded).",
        "KIND",
    )


@with_option_groups
def export_command(
    model: ModelOptions,
    options: ExportOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to write the model. By default: its name in the current folder. A SavedModel goes to "
            "PATH/1, as TensorFlow Serving expects, or to PATH itself if that is a number: served/2.",
            show_default=False,
        ),
    ] = None,
    *,
    terminal: ResultTerminal,
) -> None:
    """Write a trained model for other programs.

    The written model takes ids of users and gives ids, titles and scores of
    movies, as `movierec recommend` does. It contains what the users rated,
    so that it does not recommend these movies again. Of a model of sequences,
    it takes new users' histories, too.
    """
    from movierec_cli.export.export_run import export_run

    run = model.best(terminal)
    exported = export_run(run, options.form, output, overwrite=options.overwrite, index=options.index)
    next_command = _next_command(run, options.form, exported)
    if terminal.as_json:
        terminal.document(_document(run, options.form, exported, next_command))
        return
    terminal.written(exported.path, f"{exported.size_bytes / 1e6:.1f} MB")
    terminal.note(f"Try it: {next_command}")


_NEXT = {
    ExportFormat.SAVEDMODEL: "saved_model_cli run --dir {path} --tag_set serve"
    " --signature_def serving_default"
    " --input_exprs 'user_id=[{user}];k=10;exclude=[[{nothing}]];include_seen=False'",
    ExportFormat.NPZ: "python -c 'import sys, numpy; print(numpy.load(sys.argv[1])[\"README.txt\"].decode())'"
    " {path}",
    ExportFormat.ONNX: "python -c 'import sys, numpy as np, onnxruntime; print(*onnxruntime.InferenceSession("
    'sys.argv[1]).run(["title"], {{"user_id": np.array([{user}]), "k": np.array(10), '
    '"exclude": np.array([[{nothing}]]), "include_seen": np.array(False){more}}}))\' {path}',
}
"""A command that shows that the model works."""


def _next_command(run: Run, form: ExportFormat, exported: Exported) -> str:
    from movierec_cli.data.dataset import are_texts, id_at

    no_movie = "" if are_texts(run.artifacts.movie_ids) else -1
    nothing, user = (_literal(one) for one in (no_movie, id_at(run.artifacts.user_ids, 0)))
    values = {"watched": f"[[{nothing}]]", "watched_at": "[[0]]", "seconds": "[-1]"}
    names = dict.fromkeys([*exported.history_inputs, *(["seconds"] if exported.sees_time else [])])
    more = "".join(f', "{name}": np.array({values[name]})' for name in names)
    path = shlex.quote(str(exported.path))
    return _NEXT[form].format(path=path, user=user, nothing=nothing, more=more)


def _literal(one_id: Id) -> str:
    """An id in Python, such as "u17", that can stand between a shell's single quotes."""
    return json.dumps(one_id, ensure_ascii=False).replace("'", "\\u0027")


def _document(run: Run, form: ExportFormat, exported: Exported, next_command: str) -> dict[str, object]:
    return {
        "run": run.record.name,
        "model": run.record.config.label,
        "format": form,
        "path": str(exported.path),
        "size_bytes": exported.size_bytes,
        "sees_time": exported.sees_time,
        "reads_history": bool(exported.history_inputs),
        "next_command": next_command,
    }
