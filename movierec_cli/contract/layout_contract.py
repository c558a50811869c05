"""What every layout must do: a small archive of it is told from others, and read."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from movierec_cli.config import DataConfig
from movierec_cli.contract.claims import Check, Claim, judged, require
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset
from movierec_cli.data.recognise import recognise
from movierec_cli.records import dataclass

_OTHER = {
    "ratings.csv": "user,item,rating\nann,1,4\nann,2,3\nben,1,5\n",
    "items.csv": "item,title\n1,Alien (1979)\n2,Amélie (2001)\n",
}
"""Files of no layout: they are read by the names of their columns."""

Contents = Mapping[str, str | bytes]


def check_layout(kind: str, files: Contents, folder: Path) -> list[Claim]:
    """Judges a layout by files that are in it.

    Args:
        kind: the layout's.
        files: what they hold, by name; texts in UTF-8.
        folder: to write to, empty.
    """
    return list(judged(_Checks(kind, files, folder).all()))


@dataclass
class _Checks:
    kind: str
    files: Contents
    folder: Path

    def all(self) -> Iterator[tuple[str, Check]]:
        yield "has an example: small files with ratings", self.has_example
        yield "is found by the example's files", self.is_found
        yield "reads users, items and ratings from it", self.is_read
        yield "reads the same again, from what is kept and from a zip", self.is_read_alike
        yield "leaves files of no layout alone", self.leaves_others

    @property
    def path(self) -> Path:
        return write(self.folder / "example", self.files)

    def loaded(self, path: Path, kept: str) -> Dataset:
        return load_dataset(DataConfig(archive=path, datasets_dir=self.folder / kept))

    def has_example(self) -> None:
        require(self.files, "its `example` is empty")

    def is_found(self) -> None:
        found = recognise(self.path).layout.kind
        require(found == self.kind, f"they are taken for the layout '{found}'")

    def is_read(self) -> None:
        dataset = self.loaded(self.path, "kept")
        ratings, scale = dataset.ratings, dataset.ratings.scale
        require(len(ratings) > 0, "it has no ratings")
        require(len(dataset.movies) > 0 and len(dataset.users) > 0, "there are no items or no users")
        if scale is not None:
            inside = (ratings.rating >= scale.lowest) & (ratings.rating <= scale.highest)
            require(inside.all(), f"a rating is {ratings.rating[~inside][:1]}, and the scale is {scale}")

    def is_read_alike(self) -> None:
        first, kept = (self.loaded(self.path, "kept") for _ in range(2))
        packed = self.folder / "example.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(name, content)
        for one in (kept, self.loaded(packed, "kept_of_zip")):
            for column in ("user_index", "movie_index", "rating", "timestamp"):
                same = np.array_equal(getattr(one.ratings, column), getattr(first.ratings, column))
                require(same, f"the ratings' {column} is another")

    def leaves_others(self) -> None:
        found = recognise(write(self.folder / "other", _OTHER)).layout.kind
        require(
            found != self.kind, f"{', '.join(_OTHER)} of other data are taken for it; say how its files begin"
        )


def write(folder: Path, files: Contents) -> Path:
    """Writes files, and returns their folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
