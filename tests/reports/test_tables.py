from dataclasses import replace

import pytest

from movierec_cli.config import RankBy
from movierec_cli.evaluation.metrics import TopK
from movierec_cli.recommend.recommend import Recommendations, RecommendedMovie
from movierec_cli.recommend.users import RatedMovie
from movierec_cli.reports.study_tables import common_ks, model_of
from movierec_cli.reports.terminal.recommendation_lists import user_report
from tests.reports.terminal import printed
from tests.saved_runs import data_identity, multi_task_config, run_config, run_record

SETS = (("None",), ("timestamp",), ("timestamp", "movie_title_text", "movie_genres", "movie_length"))
MANY_GENRES = ("Adventure", "Animation", "Children", "Comedy", "Musical", "Romance")
RATED = tuple(RatedMovie(i, f"Film {i}", MANY_GENRES, 5 - i / 2, 86_400 * i) for i in range(8)) * 2
MOVIES = tuple(RecommendedMovie(i, f"Pick [red]{i}[/red]", ("Comedy", "War"), 1.0) for i in range(10))
RECOMMENDED = [Recommendations("run", run_config(*names), 7, MOVIES) for names in SETS]


def test_only_ks_that_all_runs_have_are_compared() -> None:
    few = run_record("timestamp", test=TopK(unseen={10: 0.1, 3: 0.1}, all={10: 0.1}, recall={10: 0.1}))
    assert common_ks([model_of(run_record()), model_of(few)]) == [10]


@pytest.mark.parametrize("width", [80, 200])
def test_the_user_report_shows_ratings_and_each_model(width: int) -> None:
    text = printed(lambda console: user_report(7, RATED, RECOMMENDED, data_identity(), console), width)
    assert "User 7 rated 16 movies; the best 10" in text
    assert all(f"Film {i} " in text for i in range(8))
    assert "1970-01-04" in text
    assert text.count("Pick [red]9[/red]") == len(SETS)
    assert text.count("Comedy, War") == len(SETS) * len(MOVIES)
    side_by_side = any(line.count("Recommended with") > 1 for line in text.splitlines())
    assert side_by_side == (width == 200)
    assert max(map(len, text.splitlines())) <= width


def test_predicted_stars_stand_beside_recommendations() -> None:
    starred = tuple(replace(movie, stars=4.25 + movie.movie_id / 100) for movie in MOVIES)
    models = [
        Recommendations("a", multi_task_config("None", rating=0.5), 7, starred, RankBy.BLEND),
        Recommendations("b", run_config("timestamp"), 7, MOVIES),
    ]
    text = printed(lambda console: user_report(7, RATED, models, data_identity(), console), 80)
    first, second = text.split("Recommended with: ")[1:]
    title = "None (retrieval × 1, rating × 0.5); by score and predicted rating"
    assert " ".join(first.split()).startswith(title)
    assert [line.split()[:2] for line in first.splitlines() if "Pick" in line] == [
        [str(i + 1), f"{4.25 + i / 100:.1f}"] for i in range(10)
    ]
    assert "predicted" not in second
    assert max(map(len, text.splitlines())) <= 80
