"""What the main job gives, on the terminal and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from movierec_cli.cli.console import Terminal

if TYPE_CHECKING:
    from movierec_cli.experiment.study import Study
    from movierec_cli.recommend.rated_movies import RatedMovie
    from movierec_cli.recommend.recommend import Recommendations
    from movierec_cli.registry.store import Run


@dataclass(frozen=True)
class TrainResult:
    """What the main job gives."""

    runs: tuple[Run, ...]  # in the order of the feature sets and their seeds, then the baselines
    study: Study
    plot: Path
    user_id: int | None = None
    rated: tuple[RatedMovie, ...] = ()
    recommendations: tuple[Recommendations, ...] = ()  # one a model, of its first seed


def show_result(result: TrainResult, terminal: Terminal, *, as_json: bool) -> None:
    """Prints the main job's result."""
    if as_json:
        terminal.document(result_document(result))
        return
    from movierec_cli.reports.terminal.recommendation_lists import user_report
    from movierec_cli.reports.terminal.study_text import study_text

    terminal.out.print(study_text(result.study, terminal.out))
    if result.user_id is not None:
        terminal.out.print(user_report(result.user_id, result.rated, result.recommendations, terminal.out))
    terminal.line(f"Plot: {result.plot}")


def result_document(result: TrainResult) -> dict[str, object]:
    """The main job's result for programs."""
    from dataclasses import asdict

    from movierec_cli.registry.serialization import encode
    from movierec_cli.reports.study_document import study_document

    user = None
    if result.user_id is not None:
        user = {
            "user_id": result.user_id,
            "rated": [asdict(movie) for movie in result.rated],
            "models": [
                {
                    "run": recommended.run_name,
                    "feature_set": encode(recommended.feature_set),
                    "tasks": encode(recommended.tasks),
                    "rank_by": recommended.rank_by,
                    "movies": [asdict(movie) for movie in recommended.movies],
                }
                for recommended in result.recommendations
            ],
        }
    runs = [{"folder": str(run.folder), "record": encode(run.record)} for run in result.runs]
    study = study_document(result.study)
    return {"runs": runs, "study": study, "recommendations": user, "plot": str(result.plot)}
