"""Studies and lists of movies, for people and programs: `tables` says what, `terminal` and `web` show it."""

from movierec_cli.config import RankBy

ORDERED_BY = {
    RankBy.SCORE: "",
    RankBy.RATING: "; by predicted stars",
    RankBy.BLEND: "; by score and predicted stars",
}
"""What follows a model's name above a list of recommendations."""
