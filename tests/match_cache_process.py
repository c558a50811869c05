"""Matches with the cache in a process of its own, which dies where it is told to.

Arguments: the moment to die ("never" for none), the list, a file made when matching begins, a file waited
for before it ends. Prints the seconds that the call took.
"""

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import cachier.cores.pickle

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import Progress
from movierec_cli.data.running_times import match_cache
from movierec_cli.data.running_times.matching import NO_MATCH, Match, Rule, Status
from movierec_cli.data.running_times.titles_file import ImdbEntry
from tests.tiny_dataset import tiny_dataset

FINGERPRINT = "f" * 64
TABLE = (Match(Status.MATCHED, Rule.TITLE, (ImdbEntry(78748, 1979, 117, True),)), *[NO_MATCH] * 3)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class HalfPickle:
    """In place of the module `pickle`: dies when half of an entry is in the file."""

    @staticmethod
    def dump(entry: object, file: IO[bytes], protocol: int) -> None:
        content = pickle.dumps(entry, protocol)
        file.write(content[: len(content) // 2])
        file.flush()
        die()


def die_while_writing() -> None:
    cachier.cores.pickle.pickle = HalfPickle


MOMENTS: dict[str, Callable[[], None]] = {
    "never": lambda: None,
    "matching": die,
    "writing": die_while_writing,
}


def main(moment: str, titles: str, begun: str, awaited: str) -> None:
    def match(movies: Movies, titles: Path, progress: Progress) -> tuple[Match, ...]:
        Path(begun).touch()
        while not Path(awaited).exists():
            time.sleep(0.01)
        MOMENTS[moment]()
        return TABLE

    match_cache.match_movies = match
    start_s = time.perf_counter()
    assert match_cache.cached_matches(FINGERPRINT, tiny_dataset().movies, Path(titles)) == TABLE
    print(time.perf_counter() - start_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
