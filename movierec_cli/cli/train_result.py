"""What the main job gives, on the terminal and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from movierec_cli.cli.console import Terminal

if TYPE_CHECKING:
    from movierec_cli.experiment.study import UserLists
    from movierec_cli.experiment.train import Trained


def show_result(trained: Trained, page: Path, terminal: Terminal, *, as_json: bool) -> None:
    """Prints the main job's result."""
    if as_json:
        terminal.document(result_document(trained, page))
        return
    from movierec_cli.reports.terminal.recommendation_lists import user_report
    from movierec_cli.reports.terminal.study_text import study_text

    terminal.out.print(study_text(trained.study, terminal.out))
    for lists in trained.study.user_lists:
        terminal.out.print(user_report(lists.user_id, lists.rated, lists.recommended, terminal.out))
    terminal.line(f"Page: {page}")


def result_document(trained: Trained, page: Path) -> dict[str, object]:
    """The main job's result for programs."""
    from movierec_cli.registry.serialization import encode
    from movierec_cli.reports.study_document import study_document

    runs = [{"folder": str(run.folder), "record": encode(run.record)} for run in trained.runs]
    users = [_lists_document(lists) for lists in trained.study.user_lists]
    return {
        "runs": runs,
        "study": study_document(trained.study),
        "recommendations": users[0] if users else None,
        "page": str(page),
    }


def _lists_document(lists: UserLists) -> dict[str, Any]:
    from dataclasses import asdict

    from movierec_cli.registry.serialization import encode

    return {
        "user_id": lists.user_id,
        "rated": [asdict(movie) for movie in lists.rated],
        "models": [
            {
                "run": recommended.run_name,
                "feature_set": encode(recommended.config.feature_set),
                "tasks": encode(recommended.config.tasks),
                "rank_by": recommended.rank_by,
                "movies": [asdict(movie) for movie in recommended.movies],
            }
            for recommended in lists.recommended
        ],
    }
