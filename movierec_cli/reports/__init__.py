"""Studies and lists of movies, for people and programs: `tables` says what, `terminal` and `web` show it."""

from movierec_cli.config import Fairness, RankBy
from movierec_cli.registry.record import DataIdentity
from movierec_cli.text import counted

ORDERED_BY = {
    RankBy.SCORE: "",
    RankBy.RATING: "; by predicted rating",
    RankBy.BLEND: "; by score and predicted rating",
}
"""What follows a model's name above a list of recommendations."""

HOW_FAIR = {
    Fairness.LEAST_MISERY: "least misery",
    Fairness.AVERAGE: "the average",
    Fairness.TURNS: "each chooses in turn",
}
"""How a list for several people is made, as a title says it."""


def rated_or_known(data: DataIdentity) -> str:
    """What a user did to what stands in a list of theirs."""
    return "knows" if data.scale is None else "rated"


def how_many(n: int, shown: int, data: DataIdentity) -> str:
    """Such as "20 movies; the best 10", of what a user rated or knows."""
    if shown == n:
        return counted(n, data.noun)
    if data.scale is None and not data.has_times:
        return f"{counted(n, data.noun)}, such as"
    return f"{counted(n, data.noun)}; the {'newest' if data.scale is None else 'best'} {shown}"


def star(data: DataIdentity) -> str:
    """What follows a rating: a star where ratings are stars."""
    return " ★" if data.scale is not None and data.scale.is_of_stars else ""
