"""Requests that wait are answered together: one thread computes, and takes what has come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")
M = TypeVar("M")
T = TypeVar("T")


class Busy(Exception):
    """So many requests wait that another would wait too long."""


class Batches(Generic[M, Q, A]):
    """A queue of questions to models; answers are made for as many of one model as wait, in one call.

    Args:
        answer: to several questions of one model, in their order; an exception is the answer to its question.
        at_once: questions of one call, at most.
        most_waiting: questions in the queue, at most.
        heard: is told how many were answered in a call.
    """

    def __init__(
        self,
        answer: Callable[[M, Sequence[Q]], Sequence[A | Exception]],
        *,
        at_once: int = 32,
        most_waiting: int = 256,
        heard: Callable[[int], object] = lambda n: None,
    ) -> None:
        self._answer, self._at_once, self._heard = answer, at_once, heard
        self._waiting: asyncio.Queue[tuple[M, Q, asyncio.Future[A]]] = asyncio.Queue(most_waiting)
        self._thread = ThreadPoolExecutor(1, "compute")

    @property
    def n_waiting(self) -> int:
        """Questions in the queue."""
        return self._waiting.qsize()

    async def ask(self, model: M, question: Q) -> A:
        """The answer to a question.

        Raises:
            Busy: the queue is full.
            Exception: what the answer is instead.
        """
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((model, question, future))
        except asyncio.QueueFull as error:
            raise Busy from error
        return await future

    async def compute(self, task: Callable[[], T]) -> T:
        """Does something else in the thread that computes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, task)

    async def run(self) -> None:
        """Answers until it is cancelled."""
        try:
            while True:
                first = await self._waiting.get()
                for one in self._by_model([first, *self._others()]):
                    await self._answer_all(one)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _others(self) -> list[tuple[M, Q, asyncio.Future[A]]]:
        n = min(self._waiting.qsize(), self._at_once - 1)
        return [self._waiting.get_nowait() for _ in range(n)]

    @staticmethod
    def _by_model(
        asked: Sequence[tuple[M, Q, asyncio.Future[A]]],
    ) -> list[list[tuple[M, Q, asyncio.Future[A]]]]:
        groups: dict[int, list[tuple[M, Q, asyncio.Future[A]]]] = {}
        for one in asked:
            if not one[2].done():  # nobody waits for it any more
                groups.setdefault(id(one[0]), []).append(one)
        return list(groups.values())

    async def _answer_all(self, asked: Sequence[tuple[M, Q, asyncio.Future[A]]]) -> None:
        model, questions = asked[0][0], [question for _, question, _ in asked]
        try:
            answers: Sequence[A | Exception] = await self.compute(lambda: self._answer(model, questions))
        except Exception as error:
            answers = [error] * len(asked)
        self._heard(len(asked))
        for (_, _, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
