"""Why a movie is recommended, for the terminal: lines beneath its title."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from movierec_cli.recommend.explanation import ANYBODY, USER_ID, Explanation
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import BIASES

FILMS_NAMED = 3

_LEAST_NAMED = 0.005  # of the advantage: what is not shown as 0 %
_AGAINST = 0.05  # of the advantage: from here on a film that speaks against is named
_MOST_IN_PERCENT = 3  # advantages: where parts are larger and cancel, a share of what is left says nothing
_YEAR = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*$")
_WORDS = {"movie_id": "itself", BIASES: "rest", USER_ID: "own taste", ANYBODY: "anybody's taste"}
_SIDES = ("movie_", "user_")


def explanation_text(run: Run, why: Explanation, n_films: int = FILMS_NAMED) -> Text:
    """Two lines: which films speak for the movie, and what its and the person's features add.

    Shares are of the movie's advantage, which is how far its score is above that of the average movie for
    this person. Where that is little or nothing, they are in units of the score.
    """
    lines = _Lines(run, why, n_films)
    return Text("\n").join(Text(line, style="dim") for line in (lines.films, lines.features) if line)


def why_footnote(whys: Sequence[Explanation]) -> str:
    """What the shares are of; "" where nothing is explained."""
    if not whys:
        return ""
    shares = "100% is what lifts a movie's score above that of the average movie for the same person."
    return shares if all(map(_in_percent, whys)) else f"{shares} Where that is little: units of the score."


@dataclass(frozen=True)
class _Lines:
    run: Run
    why: Explanation
    n_films: int

    @property
    def films(self) -> str:
        of_films = self.why.of_films
        speaking = [film for film in of_films[: self.n_films] if film[1] > self._least]
        against = [film for film in of_films[len(speaking) :][-1:] if film[1] < -_AGAINST * self._whole]
        others = of_films[len(speaking) : len(of_films) - len(against)]
        parts = [f"because of {self._listed(speaking)}" if speaking else "because of no one film"]
        if against:
            parts.append(f"in spite of {self._listed(against)}")
        if others:
            noun = "1 other film" if len(others) == 1 else f"{len(others):,} other films"
            parts.append(f"{noun} ({self._share(sum(share for _, share in others))})")
        return "; ".join([*parts, f"no film of theirs ({self._share(self.why.rest)})"])

    @property
    def features(self) -> str:
        sides = {"of the movie": self.why.of_movie_features, "of the person": self.why.of_user_features}
        return "; ".join(f"{side}: {self._parts(own)}" for side, own in sides.items() if own)

    def _listed(self, films: Sequence[tuple[int, float]]) -> str:
        titles = self.run.catalogue.title
        return ", ".join(f"{_YEAR.sub('', titles[row])} ({self._share(share)})" for row, share in films)

    def _parts(self, features: Mapping[str, float]) -> str:
        said = {name: part for name, part in features.items() if abs(part) > self._least} or features
        return ", ".join(f"{_feature(name)} {self._share(part)}" for name, part in said.items())

    def _share(self, value: float) -> str:
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
    parts = (why.rest, sum(share for _, share in why.of_films if share > 0), *features)
    return why.advantage > 0 and max(map(abs, parts)) <= _MOST_IN_PERCENT * why.advantage


def _feature(name: str) -> str:
    """The genres of a movie need not be called "movie_genres"."""
    if name in _WORDS:
        return _WORDS[name]
    for side in _SIDES:
        name = name.removeprefix(side)
    return name.replace("_", " ")
