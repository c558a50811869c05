"""Which files a run's folder holds beside its record: that follows from its family."""

from __future__ import annotations

from dataclasses import dataclass

from movierec_cli.config import Family
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry import artifacts as artifact_files
from movierec_cli.registry import outcomes, rating_outcomes
from movierec_cli.registry import rating_head as head_file
from movierec_cli.registry.artifacts import RunArtifacts
from movierec_cli.registry.rating_head import RatingHead


@dataclass(frozen=True, kw_only=True)
class RunParts:
    """What a run can have; None where its family has no such part."""

    outcome: Outcome | None = None  # of what ranks
    artifacts: RunArtifacts | None = None  # of what is trained
    rating_outcome: RatingOutcome | None = None  # of what predicts ratings
    rating_head: RatingHead | None = None  # of what is trained and predicts ratings

    def contents(self) -> dict[str, bytes]:
        """The content of each file that holds a part, by file name."""
        files = artifact_files.to_files(self.artifacts) if self.artifacts is not None else {}
        if self.outcome is not None:
            files[outcomes.FILE_NAME] = outcomes.to_bytes(self.outcome)
        if self.rating_outcome is not None:
            files[rating_outcomes.FILE_NAME] = rating_outcomes.to_bytes(self.rating_outcome)
        if self.rating_head is not None:
            files[head_file.FILE_NAME] = head_file.to_bytes(self.rating_head)
        return files


def files_of(family: Family) -> set[str]:
    """The names of the files that a run of this family has, no more and no fewer."""
    parts = (
        (family.ranks, (outcomes.FILE_NAME,)),
        (family.is_trained, artifact_files.FILE_NAMES),
        (family.rates, (rating_outcomes.FILE_NAME,)),
        (family.is_trained and family.rates, (head_file.FILE_NAME,)),
    )
    return {name for has_part, names in parts if has_part for name in names}
