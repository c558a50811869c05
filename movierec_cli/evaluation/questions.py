"""How a model of any family is asked: the few questions behind many ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.ranks import ScoreBlock


@dataclass(frozen=True)
class Questions:
    """What a model tells apart among many (user, moment) pairs, asked once each."""

    user_index: npt.NDArray[np.int32]  # [n_questions]
    question_of: npt.NDArray[np.int64]  # [n_pairs], each pair's question
    score_block: ScoreBlock  # questions to scores of all movies; called from several threads


class Answering(Protocol):
    """A fitted model as evaluation sees it."""

    def questions(self, users: npt.NDArray[np.int32], seconds: npt.NDArray[np.int64]) -> Questions:
        """The questions behind pairs of a user's row and a moment (seconds since 1970-01-01 UTC)."""


def questions_by_user(users: npt.NDArray[np.int32], score_users: ScoreBlock) -> Questions:
    """For a model that sees no time: one question a user.

    Args:
        users: rows of users, [n_pairs], any number of times each.
        score_users: from rows of users to their scores over all movies.
    """
    asked, question_of = np.unique(users, return_inverse=True)
    return Questions(asked, question_of, lambda questions: score_users(asked[questions].astype(np.int64)))
