"""Letters from the tasks of a cluster to who asked for them: an actor of Ray, kept beside the latter."""

from __future__ import annotations

import asyncio
from typing import Any

Place = tuple[int, int]
"""Of a task: the call of `run`, and the number of its argument in that."""
Letter = tuple[Place, int | None, Any]
"""From which task, the number of its question or None for an event, and what it says."""


class Mailbox:
    """Keeps letters until they are taken, and answers until they are asked for."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._is_new = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._n_questions = 0

    async def tell(self, place: Place, event: Any) -> None:
        """Takes a letter in."""
        self._add((place, None, event))

    async def ask(self, place: Place, question: Any) -> Any:
        """Takes a letter in, and waits for its answer."""
        self._n_questions += 1
        answer = self._answers[self._n_questions] = asyncio.get_running_loop().create_future()
        self._add((place, self._n_questions, question))
        return await answer

    async def answer(self, question: int, content: Any) -> None:
        """Answers a question."""
        self._answers.pop(question).set_result(content)

    async def take(self) -> list[Letter]:
        """The letters in the order in which they came, as soon as there are any, or somebody calls `wake`."""
        await self._is_new.wait()
        self._is_new.clear()
        taken, self._letters = self._letters, []
        return taken

    async def wake(self) -> None:
        """Lets who waits for letters go on. Whoever waits for this knows that its letters before are in."""
        self._is_new.set()

    def _add(self, letter: Letter) -> None:
        self._letters.append(letter)
        self._is_new.set()
