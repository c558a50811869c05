"""What a user rated, what models recommend or predict and why, and what is near a movie, for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.records import dataclass
from movierec_cli.reports import HOW_FAIR, ORDERED_BY, how_many, rated_or_known
from movierec_cli.reports.terminal.rich_tables import new_table
from movierec_cli.text import counted, listed, shown_title

if TYPE_CHECKING:
    from movierec_cli.data.dataset import Id
    from movierec_cli.recommend.explanation import Explanation
    from movierec_cli.recommend.predict import PredictedRating
    from movierec_cli.recommend.recommend import Recommendations
    from movierec_cli.recommend.response import Response, SimilarMovies
    from movierec_cli.recommend.together import Person, SharedList, SharedMovie
    from movierec_cli.recommend.users import ListedMovie, RatedMovie
    from movierec_cli.registry.record import DataIdentity
    from movierec_cli.registry.store import Run

_RATED_SHOWN = 10
_NAMED_SHOWN = 20
_MODEL_WIDTH = 64  # of one model's table, where the terminal holds two or more side by side
_RATED_WIDTH = 100

MOVIES_NAMED = 3

_LEAST_NAMED = 0.005  # of the advantage: a movie with less is not named
_AGAINST = 0.05  # of the advantage: a movie with a contribution below minus this is named
_MATTERS = 0.1  # of all features of one side: one with less is not named
_YEAR = re.compile(r"\s*\([0-9]{4}[^)]*\)\s*$")


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
    group = [*parts, Text(), *(tables if len(tables) == 1 else [Columns(tables, padding=(1, 2))])]
    if first.explanations:
        group.append(Text("How much each contributes: --json", style="dim"))
    return Group(*group)


def shared_report(shared: SharedList, console: Console) -> Group:
    """Who they are, and a list for all of them, with the place that each movie has for each."""
    record = shared.run.record
    title = f"Recommended together with: {record.config.label}; {HOW_FAIR[shared.fairness]}"
    columns = {"": _places(shared.movies)}
    names = [one.name for one in shared.people]
    whys = [_wanted_by(names, movie) for movie in shared.movies]
    width = min(console.width, _RATED_WIDTH)
    table = _movie_table(title, width, columns, shared.movies, whys)
    variety = "" if shared.variety is None else f"; variety {shared.variety:.2f}"
    table.caption = f"places among {counted(shared.n_allowed, record.data.noun)}{variety}"
    table.caption_style = "table.caption"
    return Group(*(_person_line(shared.run, one) for one in shared.people), Text(), table)


def _person_line(run: Run, person: Person) -> Text:
    """Such as "Ann likes Heat (1995) and Alien (1979)"."""
    data, title = run.record.data, run.catalogue.title
    if person.user.user_id is not None:
        what = f"{rated_or_known(data)} {counted(len(person.user.movies), data.noun)}"
        return Text(f"User {person.user.user_id} {what}")
    named = person.named.liked or person.named.watched
    verb = "likes" if person.named.liked else "watched"
    shown = [shown_title(title[row]) for row in named[:MOVIES_NAMED]]
    others = len(named) - len(shown)
    more = [counted(others, f"other {data.noun}")] if others else []
    return Text(f"{person.name} {verb} {listed([*shown, *more])}")


def _wanted_by(names: Sequence[str], movie: SharedMovie) -> Text:
    """Each person's place of a movie, who chose it, and who knows it."""
    parts = [", ".join(f"no. {place:,} for {name}" for name, place in zip(names, movie.places, strict=True))]
    if movie.chosen_by is not None:
        parts.append(f"chosen by {movie.chosen_by}")
    if movie.known_by:
        parts.append(f"seen by {listed(movie.known_by)}")
    return Text("; ".join(parts), style="dim")


def similar_report(similar: SimilarMovies, console: Console) -> Table:
    """A line a movie, the nearest first, with the similarity."""
    title = f"Like {shown_title(similar.title)}, with: {similar.run.record.config.label}"
    cosines = [f"{movie.similarity:.2f}".replace("-", "−") for movie in similar.movies]
    columns = {"": _places(similar.movies), "similarity": cosines}
    return _movie_table(Text(title), min(console.width, _RATED_WIDTH), columns, similar.movies)


def predictions_report(predictions: Sequence[PredictedRating], data: DataIdentity) -> Group:
    """What each user would give, in the order requested; movies that they rated already are marked."""
    parts: list[RenderableType] = []
    for user_id, own in groupby(predictions, key=lambda one: one.user_id):
        who = "The new user" if user_id is None else f"User {user_id}"
        parts += [Text(f"{who} would give", style="bold"), _predicted_lines(own, data)]
    if any(one.given is not None and one.user_id is not None for one in predictions):
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
        table.add_row(f"  {one.stars:.1f} {of_what}", Text.assemble(shown_title(one.title), (rated, "dim")))
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
        new = (" (new: not rated yet)", "italic") if movie.is_new else ""
        if whys:
            named = Text.assemble(movie.shown_title, new, "  ", (genres, "dim"))
            table.add_row(*short, Text("\n").join([named, whys[place]]))
        else:
            table.add_row(
                *short, Text.assemble(movie.shown_title, new), *([Text(genres)] if has_genres else [])
            )
    return table


def explanation_text(run: Run, why: Explanation, n_movies: int = MOVIES_NAMED) -> Text:
    """Two lines, in words: the movies of the user, and the features, that matter most to the score.

    How much each contributes is in the document.
    """
    if why.is_popularity:
        times = counted(round(why.score), run.record.data.interactions)
        return Text(f"because many people know it: {times} in training", style="dim")
    lines = _Lines(run, why, n_movies)
    return Text("\n").join(Text(line, style="dim") for line in (lines.movies, lines.features) if line)


@dataclass(frozen=True)
class _Lines:
    run: Run
    why: Explanation
    n_movies: int

    @property
    def movies(self) -> str:
        known, whole = self.why.of_movies, abs(self.why.advantage)
        lifting = [movie for movie in known if movie[1] > _LEAST_NAMED * whole]
        highest = lifting[: self.n_movies]
        above = "above all " if len(lifting) > len(highest) else ""
        others = f", of {counted(len(known), self._noun)}" if above else ""
        parts = [
            f"{above}because of {self._titles(highest)}{others}"
            if highest
            else f"because of no single {self._noun}"
        ]
        if against := [movie for movie in known[len(highest) :][-1:] if movie[1] < -_AGAINST * whole]:
            parts.append(f"in spite of {self._titles(against)}")
        if self.why.rest > sum(contribution for _, contribution in lifting):
            parts.append(f"more because of what none of the user's {self._noun}s has")
        return "; ".join(parts)

    @property
    def features(self) -> str:
        sides = {"for": self.why.of_movie_features, "by": self.why.of_user_features}
        return "; ".join(filter(None, (self._side(word, own) for word, own in sides.items())))

    def _titles(self, movies: Sequence[tuple[int, float]]) -> str:
        titles = self.run.catalogue.title
        return listed(_YEAR.sub("", shown_title(titles[row])) for row, _ in movies)

    def _side(self, word: str, features: Mapping[str, float]) -> str:
        """The features that matter, the most first, and those that matter against the movie."""
        from movierec_cli.scoring.towers import BIASES

        named = {self._words(name, word): part for name, part in features.items() if name != BIASES}
        least = _MATTERS * sum(map(abs, named.values()))
        ordered = sorted(named, key=lambda name: -abs(named[name]))
        lifting = [name for name in ordered if named[name] > least]
        against = [name for name in ordered if named[name] < -least]
        parts = [f"{word} {listed(lifting)}"] if lifting else []
        return ", ".join(parts + ([f"against {listed(against)}"] if against else []))

    def _words(self, name: str, side: str) -> str:
        """How a sentence names a feature of the movie, "for" which it speaks, or else of the user."""
        from movierec_cli.recommend.explanation import AVERAGE_USER, ITEM_WEIGHTS, LIKED_GENRES, USER_ID
        from movierec_cli.scoring.towers import HISTORY, MOVIE_BIAS

        words = {
            "movie_id": f"the {self._noun} itself",
            USER_ID: "own taste",
            AVERAGE_USER: "everybody's taste",
            HISTORY: "own taste",
            ITEM_WEIGHTS: f"{self._noun}s watched along with it",
            LIKED_GENRES: "its genres",
            MOVIE_BIAS: "its popularity",
        }
        plain = (
            name.removeprefix("bucketized_").removeprefix("movie_").removeprefix("user_").replace("_", " ")
        )
        plain = plain.rpartition(".")[2]  # "item.week" is the movie's
        return words.get(name) or (f"its {plain}" if side == "for" else f"the {plain}")

    @property
    def _noun(self) -> str:
        return self.run.record.data.noun
