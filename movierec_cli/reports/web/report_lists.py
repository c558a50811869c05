"""What each model recommends to chosen users, beside what they rated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from movierec_cli.experiment.study import UserLists
from movierec_cli.recommend.listed_movies import RatedMovie
from movierec_cli.recommend.recommend import Recommendations, RecommendedMovie
from movierec_cli.reports.web.markup import Html, tag

RATED_SHOWN = 10


def user_selector(users: Sequence[UserLists]) -> Html:
    """A choice among users, where there are several."""
    if len(users) < 2:
        return Html()
    options = (tag("option", str(user.user_id), value=user.user_id) for user in users)
    select = tag("select", *options, id="user", autocomplete="off")
    return tag("p", tag("label", "User ", select), class_="controls")


def user_lists(user: UserLists, labels: Mapping[str, str]) -> Html:
    """One user's ratings and every model's list, side by side where the screen is wide enough.

    Args:
        user: with their lists.
        labels: what people call each run, by its name.
    """
    alone = _in_one_list(user)
    models = [_recommended(labels.get(one.run_name, one.label), one, alone) for one in user.recommended]
    lists = tag("div", _rated(user), *models, class_="lists")
    return tag("section", tag("h3", f"User {user.user_id}"), lists, class_="user", data_user=user.user_id)


def _rated(user: UserLists) -> Html:
    shown = user.rated[:RATED_SHOWN]
    n = len(user.rated)
    title = f"Rated {n:,} movies" + (f"; the best {len(shown)}" if len(shown) < n else "")
    rows = (_rated_movie(movie) for movie in shown)
    return tag("section", tag("h4", title), tag("ul", *rows), class_="rated")


def _rated_movie(movie: RatedMovie) -> Html:
    stars = tag("span", f"{movie.rating:g} ★", class_="stars")
    return tag("li", stars, tag("span", movie.title, _genres(movie.genres)))


def _in_one_list(user: UserLists) -> set[int]:
    """The movies that one model recommends and no other does; none where there is one model."""
    if len(user.recommended) < 2:
        return set()
    n_lists = Counter(movie.movie_id for model in user.recommended for movie in model.movies)
    return {movie_id for movie_id, n in n_lists.items() if n == 1}


def _recommended(label: str, model: Recommendations, in_one_list: set[int]) -> Html:
    rows = (
        tag(
            "li",
            tag("strong" if movie.movie_id in in_one_list else "span", movie.title),
            _details(movie),
        )
        for movie in model.movies
    )
    return tag("section", tag("h4", label), tag("ol", *rows))


def _details(movie: RecommendedMovie) -> Html:
    if movie.stars is None:
        return _genres(movie.genres)
    parts = (f"{movie.stars:.1f} ★ predicted", ", ".join(movie.genres))
    return tag("small", " · ".join(part for part in parts if part))


def _genres(genres: Sequence[str]) -> Html:
    return tag("small", ", ".join(genres)) if genres else Html()
