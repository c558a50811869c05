"""Bugs of the kinds that the harness is there to find, planted in the processes of the commands."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def _replace(real: object, planted: object) -> None:
    """Puts it in the place of a function or class in every module that has that."""
    for name, module in list(sys.modules.items()):
        if name.startswith("movierec_cli"):
            for own, value in list(vars(module).items()):
                if value is real:
                    setattr(module, own, planted)


def _rename_too_early() -> None:
    """A file has its name before its content."""
    from movierec_cli.files import atomic

    @contextmanager
    def early(target: Path) -> Iterator[Path]:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target

    _replace(atomic.written_whole, early)


def _old_folder_deleted_first() -> None:
    """A folder is deleted before the new one has its place."""
    import shutil

    from movierec_cli.files import atomic

    swap = atomic._swap_in

    def careless(new: Path, target: Path, replaceable: Callable[[Path], bool]) -> None:
        if target.is_dir():
            shutil.rmtree(target)
        swap(new, target, replaceable)

    _replace(swap, careless)


def _leftovers_stay() -> None:
    """Nobody sweeps what killed commands leave."""
    from movierec_cli.files import atomic

    _replace(atomic._is_abandoned, lambda path: False)


def _checksums_not_compared() -> None:
    """A damaged file is used as it is."""
    import zipfile

    from movierec_cli.registry import manifest

    zipfile.ZipExtFile._update_crc = lambda self, newdata: None  # type: ignore[attr-defined]
    _replace(manifest._sha256, lambda content: "")


def _controls_reach_the_terminal() -> None:
    """What is printed is not made harmless."""
    from movierec_cli import text

    _replace(text.printable, lambda text, *rest: text)


def _lock_not_taken() -> None:
    """Two processes that download a file do not wait for each other."""
    from movierec_cli.data.download import Download

    @contextmanager
    def together(download: Download) -> Iterator[None]:
        yield

    Download._alone = together  # type: ignore[method-assign]


def _check_left_out() -> None:
    """What is read of a model is not looked at before it is used."""
    from movierec_cli.registry.run_parts import PARTS

    for part in PARTS.values():
        object.__setattr__(part, "check", lambda value, run: None)


def _resumed_anew() -> None:
    """What an interrupted training has learned is not used."""
    from movierec_cli.models.sequential import checkpoint

    checkpoint.load = lambda *rest: None  # type: ignore[assignment]


def _served_for_ever() -> None:
    """A server does not see that a model has gone."""
    from movierec_cli.serving.served_models import ServedModels

    begin = ServedModels.refresh

    def once(models: ServedModels) -> None:
        if not models.runs:
            begin(models)

    ServedModels.refresh = once  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], object]] = {
    "early-rename": _rename_too_early,
    "deleted-first": _old_folder_deleted_first,
    "leftovers": _leftovers_stay,
    "checksums": _checksums_not_compared,
    "controls": _controls_reach_the_terminal,
    "no-lock": _lock_not_taken,
    "no-checks": _check_left_out,
    "resumed-anew": _resumed_anew,
    "served-for-ever": _served_for_ever,
}
"""What puts each bug into a process that has imported everything."""
OF_TRAININGS = ("resumed-anew",)
"""Those that only trainings show."""
