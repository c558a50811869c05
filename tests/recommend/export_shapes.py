"""What sites export for a person: each file's name, its content, and what it says of a small catalogue."""

# Headers are as the sites write them, each in one line.
# ruff: noqa: E501
import json
from dataclasses import replace

import numpy as np

from tests.recommend.test_opinion_files import CATALOGUE, IMDB_NUMBERS

TMDB_NUMBERS = (862, 949, 8587, 581, 348, 1271, 2255, 0, 406, 15121)
LINKED = replace(
    CATALOGUE,
    imdb_number=np.array(IMDB_NUMBERS, np.int64),
    tmdb_number=np.array(TMDB_NUMBERS, np.int64),
)
TRAKT_HEADER = (
    "rated_at,type,title,year,trakt_rating,trakt_id,imdb_id,tmdb_id,tvdb_id,url,released,season_number,"
    "episode_number,episode_title,episode_released,episode_trakt_rating,episode_trakt_id,episode_imdb_id,"
    "episode_tmdb_id,episode_tvdb_id,genres,rating"
)


def trakt_movie(title: str, year: int, imdb: str, tmdb: int) -> dict[str, object]:
    return {"title": title, "year": year, "ids": {"trakt": 1, "slug": "x", "imdb": imdb, "tmdb": tmdb}}


HEAT, ALIEN = trakt_movie("Heat", 1995, "tt0113277", 949), trakt_movie("Alien", 1979, "tt0078748", 348)
SHOW = {"title": "Heat", "year": 1995, "ids": {"trakt": 6, "imdb": "tt1", "tmdb": 949}}

# Each file's name and content; then the ids that are liked, disliked and seen, what is no movie, the stars of
# all in the order of time, and where they are found.
SHAPES = {
    "letterboxd diary": (
        "diary.csv",
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
        '2026-08-03,Heat,1995,https://boxd.it/a,4.5,,"a, b",2026-08-01\n'
        "2026-08-02,Heat,1995,https://boxd.it/b,,Yes,,2026-08-05\n"
        "2026-08-01,Alien,1979,https://boxd.it/c,1,,,2026-08-06\n"
        "2026-08-01,Toy Story,1995,https://boxd.it/d,,,,2026-08-07\n",
        ({6}, {1214}, {1}, [], [4.5, 1, np.nan], CATALOGUE),
    ),
    "letterboxd reviews": (
        "reviews.csv",
        "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
        '2026-08-03,Heat,1995,https://boxd.it/a,5,,"Good,\nand ""long""",,2026-08-01\n',
        ({6}, set(), set(), [], [5], CATALOGUE),
    ),
    "letterboxd watched": (
        "watched.csv",
        "\ufeffDate,Name,Year,Letterboxd URI\r\n2020-02-02,Alien,1979,x\r\n2020-01-01,Heat,1995,x\r\n",
        (set(), set(), {6, 1214}, [], [np.nan] * 2, CATALOGUE),
    ),
    "letterboxd likes": (
        "likes/films.csv",
        "Date,Name,Year,Letterboxd URI\n2020-01-01,Heat,1995,x\n",
        ({6}, set(), set(), [], [np.nan], CATALOGUE),
    ),
    "letterboxd list": (
        "lists/best-of.csv",
        "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n"
        '2021-11-06,Mine,"a, b",https://boxd.it/l,"Position,\nof two lines."\n\n'
        "Position,Name,Year,URL,Description\n1,Heat,1995,https://boxd.it/a,\n2,Alien,1979,https://boxd.it/b,\n",
        (set(), set(), {6, 1214}, [], [np.nan] * 2, CATALOGUE),
    ),
    "letterboxd's form, of other sites": (
        "trakt-exported-ratings.csv",
        "Title,Year,imdbID,tmdbID,WatchedDate,Rating10,Rewatch\nWrong,1900,tt0113277,,2024-01-02,5,false\n"
        "Wrong,1900,,348,2024-01-01,2,false\n",
        (set(), {6, 1214}, set(), [], [1, 2.5], LINKED),
    ),
    "letterboxd's form of five stars": (
        "mubi.csv",
        "Title,Year,Directors,Rating,WatchedDate,Review\nHeat,1995,Michael Mann,2,2020-08-28,\n",
        (set(), {6}, set(), [], [2], CATALOGUE),
    ),
    "imdb ratings of 2025": (
        "ratings.csv",
        "Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,IMDb Rating,"
        "Runtime (mins),Year,Genres,Num Votes,Release Date,Directors,Your Rating,Date Rated\n"
        '1,tt0113277,2025-07-09,2025-07-09,,Heat,Heat,u,Film,8.3,170,1995,"Action, Crime",7,1995-12-15,M,4,2024-12-13\n'
        "2,tt0078748,2025-07-09,2025-07-09,,Alien,Alien,u,Movie,8.3,170,1979,Horror,7,1979-12-15,R,,\n"
        "3,tt0903747,2025-07-09,,,Heat,Heat,u,Serie TV,8,1,1995,X,1,1995-01-01,,9,2024-12-13\n",
        (set(), {6}, {1214}, ["Heat"], [2, np.nan], LINKED),
    ),
    "imdb before 2018": (
        "ratings.csv",
        '"position","const","created","modified","description","Title","Title type","Directors","You rated",'
        '"IMDb Rating","Runtime (mins)","Year","Genres","Num. Votes","Release Date (month/day/year)","URL"\n'
        '"1","tt0113277","Sat Dec 31 00:00:00 2016","","","Heat","Feature Film","M","8","7.9","117","1995","c","1",'
        '"1995-09-05","u"\n',
        ({6}, set(), set(), [], [4], CATALOGUE),
    ),
    "imdb list without ratings": (
        "list.csv",
        "Position,Const,Created,Modified,Description,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,"
        "Num Votes,Release Date,Directors\n1,tt0113277,2020-01-01,,,Heat,u,movie,8,1,1995,X,1,1995-01-01,M\n"
        "2,tt9,2020-01-02,,,Alien,u,tvMiniSeries,8,1,1979,X,1,1995-01-01,M\n",
        (set(), set(), {6}, ["Alien"], [np.nan], CATALOGUE),
    ),
    "movielens": (
        "movielens-ratings.csv",
        "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n"
        "1214,0113277,,2.5,4.2,Heat (1995)\n590,,,0.5,4.1,Alien (1979)\n",
        (set(), {6, 1214}, set(), [], [2.5, 0.5], LINKED),
    ),
    "tmdb": (
        "ratings.csv",
        "TMDb ID,IMDb ID,Type,Name,Release Date,Season Number,Episode Number,Rating,Your Rating,Date Rated\n"
        "949,,movie,Anything,1995-12-15T00:00:00Z,,,9.9,3.5,2022-09-20T00:00:00Z\n"
        "348,,tv,Heat,1995-03-30T00:00:00Z,,,7.647,6.0,2022-09-20T00:00:00Z\n",
        (set(), {6}, set(), ["Heat"], [1.75], LINKED),
    ),
    "trakt ratings": (
        "ratings.csv",
        f"{TRAKT_HEADER}\n2018-08-24T13:48:52Z,movie,Wrong,2014,8.3,6,tt0113277,0,,u,2014-08-01,,,,,,,,,,adventure,5\n"
        "2021-03-22T06:33:24.000Z,episode,Alien,1979,8.1,1214,tt0458290,348,8,u,2008-01-20,7,7,D,,7.9,2,tt9,2,7,a,9\n",
        (set(), {6}, set(), ["Alien"], [2.5], LINKED),
    ),
    "trakt ratings as json": (
        "ratings-movies.json",
        json.dumps(
            [
                {"rated_at": "2014-09-01T09:10:11.000Z", "rating": 4, "type": "movie", "movie": HEAT},
                {"rated_at": "2014-09-02T09:10:11.000Z", "rating": 9, "type": "show", "show": SHOW},
            ]
        ),
        (set(), {6}, set(), ["Heat"], [2], LINKED),
    ),
    "trakt history as json": (
        "history-1.json",
        json.dumps(
            [
                {"id": 3, "watched_at": "2020-01-02T00:00:00.000Z", "action": "watch", "type": "movie", "movie": ALIEN},
                {"id": 2, "watched_at": "2020-01-01T00:00:00.000Z", "action": "watch", "type": "movie", "movie": HEAT},
                {"id": 1, "watched_at": "2019-01-01T00:00:00.000Z", "action": "watch", "type": "episode",
                 "episode": {"title": "Pilot", "season": 1, "ids": {"tmdb": 8}}, "show": SHOW},
            ]
        ),
        (set(), set(), {6, 1214}, ["Heat"], [np.nan] * 2, LINKED),
    ),
    "trakt watched as json": (
        "watched-movies.json",
        json.dumps([{"plays": 2, "last_watched_at": "2020-01-02T00:00:00.000Z", "movie": HEAT}]),
        (set(), set(), {6}, [], [np.nan], CATALOGUE),
    ),
    "netflix history": (
        "NetflixViewingHistory.csv",
        'Title,Date\n"Heat","8/21/19"\n"Black Mirror: Season 4: USS Callister","8/20/19"\n'
        '"Alien","8/20/19"\n"Dances with Wolves","12/3/18"\n"Dark: Staffel 1: Lügen","12/3/18"\n',
        (set(), set(), {6, 1214, 590}, ["Dark", "Black Mirror"], [np.nan] * 3, CATALOGUE),
    ),
    "netflix history, the day first": (
        "NetflixViewingHistory (1).csv",
        "Title,Date\nHeat,02/03/2020\nAlien,13/02/2020\n",
        (set(), set(), {6, 1214}, [], [np.nan] * 2, CATALOGUE),
    ),
    "netflix history, in German": (
        "NetflixViewingHistory.csv",
        'Titel,Datum\n"Alien","21.08.19"\n"Dark: Staffel 1: Lügen","20.08.19"\n',
        (set(), set(), {1214}, ["Dark"], [np.nan], CATALOGUE),
    ),
    "netflix activity": (
        "ViewingActivity.csv",
        "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Bookmark,"
        "Latest Bookmark,Country\nMe,2026-05-12 20:32:15,01:42:30,,Heat,,TV,01:42:30,01:42:30,US (United States)\n"
        "Me,2026-05-10 21:00:00,00:48:12,,Severance: Season 2: The We We Are,,TV,1,1,US (United States)\n"
        "Me,2026-05-09 19:45:00,00:01:30,,Alien,TRAILER,TV,1,1,US (United States)\n",
        (set(), set(), {6}, ["Severance"], [np.nan], CATALOGUE),
    ),
    "netflix ratings": (
        "Ratings.csv",
        "Profile Name,Title Name,Rating Type,Star Value,Thumbs Value,Device Model,Event Utc Ts,Region View Date\n"
        "Me,Heat,thumb,,2,TV,2025-06-19 19:13:22,\nMe,Alien,star,5,,HTML 5,2015-06-19 19:13:22,\n"
        "Me,Toy Story,thumb,,1,HTML 5,2025-06-20 19:13:22,\nMe,Dances with Wolves,star,0,0,x,2015-06-19 19:13:22,\n"
        "Me,300,thumb,,3,x,2025-06-21 19:13:22,\n",
        ({6, 1214, 300}, {1}, set(), [], [5, np.nan, np.nan, np.nan], CATALOGUE),
    ),
    "mubi": (
        "ratings.json",
        json.dumps(
            [
                {"id": 1, "body": "", "overall": 4, "updated_at": 1598650078, "one_liner": None,
                 "film": {"id": 6, "title": "Hass", "original_title": "La Haine", "year": 1995,
                          "directors": [{"name": "M"}]}},
                {"id": 2, "body": "", "overall": 2, "updated_at": 1598650079, "one_liner": None,
                 "film": {"id": 6, "title": "Alien", "original_title": "Alien", "year": 1979, "directors": []}},
            ]
        ),
        ({97}, {1214}, set(), [], [4, 2], CATALOGUE),
    ),
}  # fmt: skip

LETTERBOXD = {
    "ratings.csv": "Date,Name,Year,Letterboxd URI,Rating\n2020-01-02,Alien,1979,b,5\n2020-01-03,300,2006,c,1.5\n",
    "watched.csv": "Date,Name,Year,Letterboxd URI\n2020-01-01,Heat,1995,a\n2020-01-02,Alien,1979,b\n",
    "likes/films.csv": "Date,Name,Year,Letterboxd URI\n2020-01-04,Heat,1995,a\n",
    "diary.csv": SHAPES["letterboxd diary"][1].partition("\n")[0] + "\n",
    "watchlist.csv": "Date,Name,Year,Letterboxd URI\n2020-01-04,Toy Story,1995,a\n",
    "lists/x.csv": SHAPES["letterboxd list"][1].replace("Heat,1995", "The Lion King,1994"),
    "deleted/diary.csv": SHAPES["letterboxd diary"][1].replace("Heat,1995", "Dances with Wolves,1990"),
    "orphaned/reviews.csv": SHAPES["letterboxd reviews"][1].replace("Heat,1995", "Dances with Wolves,1990"),
    "likes/reviews.csv": "Date,Name,Year,Letterboxd URI\n2020-01-04,Dances with Wolves,1990,a\n",
    "profile.csv": "Date Joined,Username,Favorite Films\n2019-10-03,someone,a\n",
    "comments.csv": "Date,Content,Comment\n",
}
"""The files of a whole export."""
