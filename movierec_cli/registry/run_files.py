"""Which files a run's folder holds beside its record: that follows from its family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from movierec_cli.config import Family
from movierec_cli.data.dataset import Movies
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import artifacts as artifact_files
from movierec_cli.registry import catalogue as catalogue_file
from movierec_cli.registry import outcomes, rating_outcomes
from movierec_cli.registry import user_ratings as user_ratings_file
from movierec_cli.registry.artifacts import RunArtifacts
from movierec_cli.registry.user_ratings import UserRatings
from movierec_cli.scoring import rating_head as head_file
from movierec_cli.scoring import towers as towers_file
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers


@dataclass(frozen=True, kw_only=True)
class RunParts:
    """What a run can have; None where its family has no such part."""

    outcome: Outcome | None = None  # of what ranks
    artifacts: RunArtifacts | None = None  # of what is trained
    catalogue: Movies | None = None  # of what is trained
    user_ratings: UserRatings | None = None  # of what is trained
    towers: Towers | None = None  # of what has two towers
    rating_outcome: RatingOutcome | None = None  # of what predicts ratings
    rating_head: RatingHead | None = None  # of what is trained and predicts ratings

    def contents(self) -> dict[str, bytes]:
        """The content of each file that holds a part, by file name."""
        files = artifact_files.to_files(self.artifacts) if self.artifacts is not None else {}
        parts = {name: (getattr(self, part), to_bytes) for name, (part, to_bytes) in _WRITTEN.items()}
        return files | {name: to_bytes(part) for name, (part, to_bytes) in parts.items() if part is not None}


_WRITTEN: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    outcomes.FILE_NAME: ("outcome", outcomes.to_bytes),
    catalogue_file.FILE_NAME: ("catalogue", catalogue_file.to_bytes),
    user_ratings_file.FILE_NAME: ("user_ratings", user_ratings_file.to_bytes),
    towers_file.FILE_NAME: ("towers", towers_file.to_bytes),
    rating_outcomes.FILE_NAME: ("rating_outcome", rating_outcomes.to_bytes),
    head_file.FILE_NAME: ("rating_head", head_file.to_bytes),
}


def files_of(family: Family) -> set[str]:
    """The names of the files that a run of this family has, no more and no fewer."""
    parts = (
        (family.ranks, (outcomes.FILE_NAME,)),
        (family.is_trained, artifact_files.FILE_NAMES),
        (family.is_trained, (catalogue_file.FILE_NAME, user_ratings_file.FILE_NAME)),
        (family.is_trained and not family.is_sequential, (towers_file.FILE_NAME,)),
        (family.rates, (rating_outcomes.FILE_NAME,)),
        (family.is_trained and family.rates, (head_file.FILE_NAME,)),
    )
    return {name for has_part, names in parts if has_part for name in names}
