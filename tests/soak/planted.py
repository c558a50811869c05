"""Bugs of the kinds that the harness is there to find, planted in the processes of the commands."""

from collections.abc import Callable


def _rename_too_early() -> None:
    """A file has its name before its content."""
    from contextlib import contextmanager

    from movierec_cli.files import atomic, csv_tables

    @contextmanager
    def early(target):  # type: ignore[no-untyped-def]
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target

    csv_tables.written_whole = early  # type: ignore[attr-defined]
    atomic.written_whole = early


def _old_folder_deleted_first() -> None:
    """A folder is deleted before the new one has its place."""
    import shutil

    from movierec_cli.files import atomic

    swap = atomic._swap_in

    def careless(new, target, replaceable):  # type: ignore[no-untyped-def]
        if target.is_dir():
            shutil.rmtree(target)
        swap(new, target, replaceable)

    atomic._swap_in = careless


def _leftovers_stay() -> None:
    """Nobody sweeps what killed commands leave."""
    from movierec_cli.files import atomic

    atomic._is_abandoned = lambda path: False


def _checksums_not_compared() -> None:
    """A damaged file is used as it is."""
    import zipfile

    from movierec_cli.registry import manifest

    zipfile.ZipExtFile._update_crc = lambda self, newdata: None  # type: ignore[attr-defined, method-assign]
    manifest._sha256 = lambda content: ""


def _controls_reach_the_terminal() -> None:
    """What is printed is not made harmless."""
    from movierec_cli.cli import console

    console.printable = lambda text, *rest: text  # type: ignore[attr-defined]


PLANTED: dict[str, Callable[[], object]] = {
    "early-rename": _rename_too_early,
    "deleted-first": _old_folder_deleted_first,
    "leftovers": _leftovers_stay,
    "checksums": _checksums_not_compared,
    "controls": _controls_reach_the_terminal,
}
"""What puts each bug into a process that has imported everything."""
