"""Archives of the tests' own, and how they are loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.load import load_dataset

MakeArchive = Callable[..., Path]
Members = Callable[[str], dict[str, bytes]]
WithLine = Callable[[str, str, int, bytes], Path]


def load(path: Path, **options: Any) -> Dataset:
    """Loads an archive; its columns are kept in the folder "ds" beside it."""
    return load_dataset(DataConfig(archive=path, datasets_dir=path.parent / "ds", **options))
