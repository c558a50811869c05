"""What a user rated, what models recommend or predict and why, and what is near a movie, for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.recommend.explanation import AVERAGE_USER, USER_ID, Explanation
from movierec_cli.recommend.recommend import Recommendations
from movierec_cli.recommend.response import Response
from movierec_cli.reports import ORDERED_BY, how_many, rated_or_known
from movierec_cli.reports.terminal.rich_tables import new_table
from movierec_cli.scoring.towers import BIASES
from movierec_cli.text import counted, with_article

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Id
    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.recommend.response import SimilarMovies
    from movierec_cli.recommend.users import ListedMovie, RatedMovie
    from movierec_cli.registry.record import DataIdentity
    from movierec_cli.registry.store import Run

_RATED_SHOWN = 10
_NAMED_SHOWN = 20
_MODEL_WIDTH = 64  # of one model's table, where the terminal holds two or more side by side
_RATED_WIDTH = 100

MOVIES_NAMED = 3

_LEAST_NAMED = 0.005  # of the advantage: what is not shown as 0 %
_AGAINST = 0.05  # of the advantage: a movie with a contribution below minus this is named
_MOST_IN_PERCENT = 3  # advantages: larger contributions cancel, and percentages of what is left mean little
_YEAR = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*$")
_WORDS = {"movie_id": "itself", BIASES: "rest", USER_ID: "own taste", AVERAGE_USER: "average user's taste"}


def user_report(
    user_id: Id,
    rated: Sequence[RatedMovie],
    recommended: Sequence[Recommendations],
    data: DataIdentity,
    console: Console,
) -> Group:
    """What the user rated, then one table a model, side by side where the terminal is wide enough."""
    width = _MODEL_WIDTH if _holds_two(console) else min(console.width, _MODEL_WIDTH + 16)
    tables = [_recommended_table(item, width) for item in recommended]
    rated_table = _rated_table(user_id, rated, data, min(console.width, _RATED_WIDTH))
    return Group(rated_table, Text(), Columns(tables, padding=(1, 2)))


def responses_report(responses: Sequence[Response], console: Console) -> Group:
    """What a user rated, watched or likes, then what each model recommends, side by side where they fit."""
    first = responses[0]
    data = first.run.record.data
    width = min(console.width, _RATED_WIDTH)
    parts: list[RenderableType] = [
        _listed_table(title, movies, data.noun, width)
        for title, movies in (
            ("Watched, oldest first", first.watched),
            ("Liked", first.liked),
            ("Disliked", first.disliked),
        )
        if movies
    ]
    if first.recommended.user_id is not None:
        parts.append(_rated_table(first.recommended.user_id, first.rated, data, width))
    if len(responses) > 1 and _holds_two(console):
        width = _MODEL_WIDTH
    tables = [_response_table(one, width) for one in responses]
    group = [*parts, Text(), Columns(tables, padding=(1, 2))]
    if first.explanations:
        footnote = why_footnote([why for one in responses for why in one.explanations], data.noun)
        group.append(Text(footnote, style="dim"))
    return Group(*group)


def similar_report(similar: SimilarMovies, console: Console) -> Table:
    """A line a movie, the nearest first, with the similarity."""
    title = f"Like {similar.title}, with: {similar.run.record.config.label}"
    cosines = [f"{movie.similarity:.2f}".replace("-", "−") for movie in similar.movies]
    columns = {"": _places(similar.movies), "similarity": cosines}
    return _movie_table(Text(title), min(console.width, _RATED_WIDTH), columns, similar.movies)


def predictions_report(predictions: Sequence[PredictedRating], data: DataIdentity) -> Group:
    """What each user would give, in the order requested; movies that they rated already are marked."""
    parts: list[RenderableType] = []
    for user_id, own in groupby(predictions, key=lambda one: one.user_id):
        parts += [Text(f"User {user_id} would give", style="bold"), _predicted_lines(own, data)]
    if any(one.given is not None for one in predictions):
        parts.append(Text("Where a rating was given already, the model may have learned from it."))
    return Group(*parts)


def _predicted_lines(predictions: Iterable[PredictedRating], data: DataIdentity) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    scale = data.scale
    of_what = "stars" if scale is None or scale.is_of_stars else f"of {scale.highest:g}"
    for one in predictions:
        rated = f", rated {one.given:g} already" if one.given is not None else ""
        table.add_row(f"  {one.stars:.1f} {of_what}", Text.assemble(one.title, (rated, "dim")))
    return table


def _holds_two(console: Console) -> bool:
    return console.width >= 2 * _MODEL_WIDTH + 2


def _response_table(response: Response, width: int) -> Table:
    recommended = response.recommended
    table = _recommended_table(
        recommended, width, [explanation_text(response.run, why) for why in response.explanations]
    )
    variety = "" if recommended.variety is None else f", variety {recommended.variety:.2f}"
    table.caption = f"mean score {recommended.mean_score:.2f}{variety}"
    table.caption_style = "table.caption"
    return table


def _listed_table(title: str, movies: Sequence[ListedMovie], noun: str, width: int) -> Table:
    shown = movies[:_NAMED_SHOWN]
    some = "" if len(shown) == len(movies) else f": {counted(len(movies), noun)}, such as"
    return _movie_table(f"{title}{some}", width, {"": _places(shown)}, shown)


def _rated_table(user_id: Id, rated: Sequence[RatedMovie], data: DataIdentity, width: int) -> Table:
    shown = rated[:_RATED_SHOWN]
    columns = {}
    if data.scale is not None:
        header = "stars" if data.scale.is_of_stars else "rating"
        columns[header] = [f"{movie.rating:g}" for movie in shown]
    if data.has_times:
        times = [movie.timestamp or 0 for movie in shown]
        columns["date"] = [datetime.fromtimestamp(time, UTC).date().isoformat() for time in times]
    title = f"User {user_id} {rated_or_known(data)} {how_many(len(rated), len(shown), data)}"
    return _movie_table(title, width, columns, shown)


def _recommended_table(recommended: Recommendations, width: int, whys: Sequence[Text] = ()) -> Table:
    movies = recommended.movies
    columns = {"": _places(movies)}
    if any(movie.stars is not None for movie in movies):
        columns["predicted"] = ["" if movie.stars is None else f"{movie.stars:.1f}" for movie in movies]
    title = f"Recommended with: {recommended.label}{ORDERED_BY[recommended.rank_by]}"
    return _movie_table(title, width, columns, movies, whys)


def _places(movies: Sequence[object]) -> list[str]:
    return [str(place) for place in range(1, len(movies) + 1)]


def _movie_table(
    title: str | Text,
    width: int,
    columns: Mapping[str, Sequence[str]],
    movies: Sequence[ListedMovie],
    whys: Sequence[Text] = (),
) -> Table:
    """Columns of short texts, then titles and genres; explanations stand below them, across the width."""
    table = new_table(title, width=width)
    has_genres = any(movie.genres for movie in movies) or not movies
    for header in columns:
        table.add_column(header, justify="right", no_wrap=True)
    if whys:
        table.add_column("title and why", overflow="fold")
    else:
        table.add_column("title", overflow="fold", ratio=3)
        if has_genres:
            table.add_column("genres", style="dim", no_wrap=True, overflow="ellipsis", ratio=2)
    for place, movie in enumerate(movies):
        short = [texts[place] for texts in columns.values()]
        genres = ", ".join(movie.genres)
        if whys:
            named = Text.assemble(movie.title, "  ", (genres, "dim"))
            table.add_row(*short, Text("\n").join([named, whys[place]]))
        else:
            table.add_row(*short, Text(movie.title), *([Text(genres)] if has_genres else []))
    return table


def explanation_text(run: Run, why: Explanation, n_movies: int = MOVIES_NAMED) -> Text:
    """Two lines: what movies that the user knows, and features of both, contribute to the score.

    Contributions are in percent of the movie's advantage, the difference of its score and that of the average
    movie for this user. Where that is little or nothing, they are in units of the score.
    """
    if why.is_popularity:
        times = counted(round(why.score), run.record.data.interactions)
        return Text(f"because many people know it: {times} in training", style="dim")
    lines = _Lines(run, why, n_movies)
    return Text("\n").join(Text(line, style="dim") for line in (lines.movies, lines.features) if line)


def why_footnote(whys: Sequence[Explanation], noun: str) -> str:
    """The unit of the contributions; "" where nothing is explained."""
    if all(why.is_popularity for why in whys):
        return ""
    one = with_article(noun)
    unit = f"100% is the difference of {one}'s score and that of the average {noun} for the same user."
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
        parts = [f"because of {self._listed(highest)}" if highest else f"because of no single {self._noun}"]
        if against:
            parts.append(f"in spite of {self._listed(against)}")
        if others:
            total = sum(contribution for _, contribution in others)
            parts.append(f"{counted(len(others), f'other {self._noun}')} ({self._amount(total)})")
        return "; ".join([*parts, f"none of the user's {self._noun}s ({self._amount(self.why.rest)})"])

    @property
    def features(self) -> str:
        sides = {f"of the {self._noun}": self.why.of_movie_features, "of the user": self.why.of_user_features}
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
    def _noun(self) -> str:
        return self.run.record.data.noun

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
    return name.removeprefix("movie_").removeprefix("user_").replace("_", " ")
