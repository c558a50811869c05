"""Why a movie is recommended, for the terminal: lines below its title."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from movierec_cli.recommend.explanation import AVERAGE_USER, USER_ID, Explanation
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import BIASES
from movierec_cli.text import counted

MOVIES_NAMED = 3

_LEAST_NAMED = 0.005  # of the advantage: what is not shown as 0 %
_AGAINST = 0.05  # of the advantage: a movie with a contribution below minus this is named
_MOST_IN_PERCENT = 3  # advantages: larger contributions cancel, and percentages of what is left mean little
_YEAR = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*$")
_WORDS = {"movie_id": "itself", BIASES: "rest", USER_ID: "own taste", AVERAGE_USER: "average user's taste"}
_SIDES = ("movie_", "user_")


def explanation_text(run: Run, why: Explanation, n_movies: int = MOVIES_NAMED) -> Text:
    """Two lines: what movies that the user knows, and features of both, contribute to the score.

    Contributions are in percent of the movie's advantage, the difference of its score and that of the average
    movie for this user. Where that is little or nothing, they are in units of the score.
    """
    lines = _Lines(run, why, n_movies)
    return Text("\n").join(Text(line, style="dim") for line in (lines.movies, lines.features) if line)


def why_footnote(whys: Sequence[Explanation]) -> str:
    """The unit of the contributions; "" where nothing is explained."""
    if not whys:
        return ""
    unit = "100% is the difference of a movie's score and that of the average movie for the same user."
    return unit if all(map(_in_percent, whys)) else f"{unit} Where that is small: units of the score."


@dataclass(frozen=True)
class _Lines:
    run: Run
    why: Explanation
    n_movies: int

    @property
    def movies(self) -> str:
        known = self.why.of_movies
        highest = [movie for movie in known[: self.n_movies] if movie[1] > self._least]
        against = [movie for movie in known[len(highest) :][-1:] if movie[1] < -_AGAINST * self._whole]
        others = known[len(highest) : len(known) - len(against)]
        parts = [f"because of {self._listed(highest)}" if highest else "because of no single movie"]
        if against:
            parts.append(f"in spite of {self._listed(against)}")
        if others:
            total = sum(contribution for _, contribution in others)
            parts.append(f"{counted(len(others), 'other movie')} ({self._amount(total)})")
        return "; ".join([*parts, f"none of the user's movies ({self._amount(self.why.rest)})"])

    @property
    def features(self) -> str:
        sides = {"of the movie": self.why.of_movie_features, "of the user": self.why.of_user_features}
        return "; ".join(f"{side}: {self._parts(own)}" for side, own in sides.items() if own)

    def _listed(self, movies: Sequence[tuple[int, float]]) -> str:
        titles = self.run.catalogue.title
        return ", ".join(f"{_YEAR.sub('', titles[row])} ({self._amount(part)})" for row, part in movies)

    def _parts(self, features: Mapping[str, float]) -> str:
        shown = {name: part for name, part in features.items() if abs(part) > self._least} or features
        return ", ".join(f"{_feature(name)} {self._amount(part)}" for name, part in shown.items())

    def _amount(self, value: float) -> str:
        if _in_percent(self.why):
            return f"{round(100 * value / self._whole):d}%".replace("-", "−")
        return f"{value:+.2f}".replace("-", "−")

    @property
    def _whole(self) -> float:
        return abs(self.why.advantage)

    @property
    def _least(self) -> float:
        return _LEAST_NAMED * self._whole


def _in_percent(why: Explanation) -> bool:
    features = (*why.of_movie_features.values(), *why.of_user_features.values())
    parts = (why.rest, sum(part for _, part in why.of_movies if part > 0), *features)
    return why.advantage > 0 and max(map(abs, parts)) <= _MOST_IN_PERCENT * why.advantage


def _feature(name: str) -> str:
    """The genres of a movie need not be called "movie_genres"."""
    if name in _WORDS:
        return _WORDS[name]
    for side in _SIDES:
        name = name.removeprefix(side)
    return name.replace("_", " ")
