"""Which data set, and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data set, and where it is kept."""

    dataset: str = "1m"
    archive: Path | None = None
    datasets_dir: Path = Path("datasets")
    imdb_titles: Path | None = None  # IMDb's title.basics.tsv.gz; None: in `datasets_dir`, else downloaded
    movie_lengths: Path | None = None  # the user's own corrections
