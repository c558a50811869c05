from dataclasses import replace

from movierec_cli.experiment.study import UserLists
from movierec_cli.reports.web.report_lists import user_lists
from tests.reports.studies import study

STUDY = study()


def lists(stars: float | None) -> str:
    """The lists of one user, where the first model predicts these stars for its first movie."""
    user = STUDY.user_lists[0]
    model = user.recommended[0]
    movies = (replace(model.movies[0], stars=stars), *model.movies[1:])
    return str(user_lists(replace(user, recommended=(replace(model, movies=movies),)), {}))


def test_predicted_stars_stand_before_the_genres() -> None:
    user: UserLists = STUDY.user_lists[0]
    genres = ", ".join(user.recommended[0].movies[0].genres)
    assert f"<small>4.3 ★ predicted · {genres}</small>" in lists(4.26)
    assert lists(4.26).count("predicted") == 1


def test_a_model_without_ratings_shows_none() -> None:
    assert "predicted" not in lists(None)
