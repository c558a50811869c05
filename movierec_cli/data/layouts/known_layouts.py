"""The layouts of an archive, and which one an archive has."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from movierec_cli.data.dataset import Columns
from movierec_cli.data.layouts import csv_layout, movielens
from movierec_cli.data.progress import Progress
from movierec_cli.data.reader.archive import Archive, open_archive
from movierec_cli.data.sources import LayoutKind
from movierec_cli.errors import DataError


@dataclass(frozen=True)
class Layout:
    """What makes an archive of this layout, and how it is read."""

    kind: LayoutKind
    members: tuple[str, ...]
    parse: Callable[[Archive, Progress], Columns]
    optional: tuple[str, ...] = ()  # members that are read where they are there, and missed by nobody

    def read_members(self, archive: Archive) -> tuple[str, ...]:
        """The members of `archive` that are read, those that need not be there included."""
        return (*self.members, *(member for member in self.optional if member in archive))


LAYOUTS = (
    Layout(LayoutKind.MOVIELENS_100K, movielens.MEMBERS_100K, movielens.parse_100k),
    Layout(LayoutKind.MOVIELENS_1M, movielens.MEMBERS_1M, movielens.parse_1m),
    Layout(LayoutKind.CSV, csv_layout.MEMBERS, csv_layout.parse, csv_layout.OPTIONAL),
)


def recognise(path: Path) -> tuple[Archive, Layout]:
    """Opens a zip or folder and tells its layout by its members, at the top or in a folder below.

    Raises:
        DataError: it cannot be opened, is of no layout, or members of its layout are missing.
    """
    archive = open_archive(path)
    candidates = [(archive.at_members(layout.members), layout) for layout in LAYOUTS]
    found, layout = max(candidates, key=lambda pair: pair[0].share_of(pair[1].members))
    if not any(member in found for member in layout.members):
        known = "; ".join(f"{layout.kind} ({', '.join(layout.members)})" for layout in LAYOUTS)
        raise DataError(f"has none of the known layouts' files: {known}", file=path)
    found.require(layout.members)
    return found, layout
