"""A small file in the shape of each layout that is known by name, and the columns that are read of it."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.contract.layout_contract import write
from movierec_cli.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from tests.data.own_archives import load

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """Files, and what is in them."""

    files: dict[str, str | bytes]  # texts in UTF-8
    ratings: list[Row]  # user id, item id, stars, seconds
    items: list[Row]  # id, title, year, genres
    line: str  # a part of the one that says what was understood
    scale: tuple[float, float] | None
    noun: str = "item"
    warnings: tuple[str, ...] = ()  # a part of each
    more: dict[str, list[Any]] = field(default_factory=dict)  # other columns, such as "users.raw_age"

    @property
    def members(self) -> dict[str, bytes]:
        """What is written; what ends in ".gz" is compressed."""
        return written(self.files)


def written(files: dict[str, str | bytes]) -> dict[str, bytes]:
    contents = {name: one if isinstance(one, bytes) else one.encode() for name, one in files.items()}
    return {name: gzip.compress(one) if name.endswith(".gz") else one for name, one in contents.items()}


def write_files(folder: Path, files: dict[str, str | bytes]) -> Path:
    return write(folder, written(files))


def ratings_of(dataset: Dataset) -> list[Row]:
    ratings = dataset.ratings
    users, items = dataset.users.user_id[ratings.user_index], dataset.movies.movie_id[ratings.movie_index]
    columns = (users, items, ratings.rating, ratings.timestamp)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def items_of(dataset: Dataset) -> list[Row]:
    movies, names = dataset.movies, np.array([*dataset.movies.genre_names, ""])
    genres = [tuple(names[np.flatnonzero(row)].tolist()) for row in movies.genres]
    columns = (movies.movie_id, movies.title, movies.year)
    return list(zip(*(column.tolist() for column in columns), genres, strict=True))


MARCH_2006 = 1_143_849_600  # 2006-04-01 00:00:00 UTC
METADATA = (
    "adult,belongs_to_collection,budget,genres,homepage,id,imdb_id,original_language,original_title,overview,"
    "popularity,poster_path,production_companies,production_countries,release_date,revenue,runtime,"
    "spoken_languages,status,tagline,title,video,vote_average,vote_count\n"
)
GENRE_DICTS = "[{'id': 16, 'name': 'Animation'}, {'id': 35, 'name': 'Comedy'}]"


def film(tmdb: str, imdb: str, title: str, date: str, minutes: str, overview: str = "x") -> str:
    return (
        f"False,\"{{'id': 10194, 'name': 'A Collection'}}\",30000000,\"{GENRE_DICTS}\",http://x,{tmdb},{imdb},en,"
        f'{title},"{overview}",21.9,/a.jpg,"[]","[]",{date},373554033.0,{minutes},"[]",Released,,{title},False'
        ",7.7,5415\n"
    )


SHAPES = {
    "MovieLens 10M": Shape(
        {
            "ml-10M100K/ratings.dat": "1::122::5::838985046\n1::2::3.5::838983525\n7::122::0.5::868244699\n",
            "ml-10M100K/movies.dat": "2::Jumanji (1995)::Adventure|Children\n"
            "122::Amélie: Fabuleux (2001)::Comedy|Romance\n9::Pull My Daisy (1958)::(no genres listed)\n",
            "ml-10M100K/tags.dat": "15::4973::excellent!::1215184630\n",
            "ml-10M100K/README.html": "<p>",
        },
        [(1, 122, 5.0, 838985046), (1, 2, 3.5, 838983525), (7, 122, 0.5, 868244699)],
        [
            (2, "Jumanji (1995)", 1995, ("Adventure", "Children")),
            (122, "Amélie: Fabuleux (2001)", 2001, ("Comedy", "Romance")),
            (9, "Pull My Daisy (1958)", 1958, ("(no genres listed)",)),
        ],
        '10M: read ratings.dat ("::", UTF-8), movies.dat ("::", UTF-8): user = userId',
        (0.5, 5),
        noun="movie",
    ),
    "Kaggle's MovieLens 20M": Shape(
        {
            "rating.csv": '"userId","movieId","rating","timestamp"\n1,2,3.5,"2005-04-02 23:53:47"\n'
            '1,29,4,"2005-04-02 23:31:16"\n2,2,1,"2000-01-01 00:00:00"\n',
            "movie.csv": '"movieId","title","genres"\n2,"Jumanji (1995)","Adventure|Children"\n'
            '29,"City of Lost Children, The (Cité des enfants perdus, La) (1995)","Sci-Fi"\n',
            "link.csv": '"movieId","imdbId","tmdbId"\n2,"0113497",8844\n29,"0112682",902\n',
            "tag.csv": '"userId","movieId","tag","timestamp"\n18,2,"Mark Waters","2009-04-24 18:19:40"\n',
            "genome_scores.csv": '"movieId","tagId","relevance"\n1,1,0.025\n',
        },
        [(1, 2, 3.5, 1112486027), (1, 29, 4.0, 1112484676), (2, 2, 1.0, 946684800)],
        [
            (2, "Jumanji (1995)", 1995, ("Adventure", "Children")),
            (29, "City of Lost Children, The (Cité des enfants perdus, La) (1995)", 1995, ("Sci-Fi",)),
        ],
        "rating = rating, timestamp = timestamp (dates, UTC)",
        (0.5, 5),
        noun="movie",
        more={"movies.imdb_number": [113497, 112682]},
    ),
    "The Movies Dataset": Shape(
        {
            "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.5,100\n2,3,0.5,200\n2,9,3.0,300\n",
            "ratings_small.csv": "userId,movieId,rating,timestamp\n1,1,1.0,100\n",
            "links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n3,0113228,15602.0\n5,0113041,\n",
            "movies_metadata.csv": METADATA
            + film("862", "tt0114709", "Toy Story", "1995-10-30", "81.0", 'Led by Woody,\nthey ""live"" on.')
            + film("99999", "tt9", "Nobody's", "2001-01-01", "90.0")
            + " - Written by Ørnås,0.065736,/ff9qCepilowshEtG2GYWwzt2bs4.jpg,\"[{'name': 'C'}]\",\"[]\""
            ",1997-08-20,0,104.0,\"[{'iso_639_1': 'en'}]\",Released,,Midnight Man,False,6.0,1\n"
            + film("15602", "tt0113228", "Grumpier Old Men", "1995-12-22", "")
            + film("862", "tt0114709", "Toy Story", "1995-10-30", "81.0"),
            "credits.csv": "cast,crew,id\n[],[],862\n",
            "keywords.csv": "id,keywords\n862,[]\n",
        },
        [(1, 1, 4.5, 100), (2, 3, 0.5, 200), (2, 9, 3.0, 300)],
        [
            (1, "Toy Story", 1995, ("Animation", "Comedy")),
            (3, "Grumpier Old Men", 1995, ("Animation", "Comedy")),
            (9, "9", 0, ()),
        ],
        "The Movies Dataset: read ratings.csv (comma, UTF-8), movies_metadata.csv (comma, UTF-8), links.csv",
        (0.5, 5),
        noun="movie",
        warnings=("1 row of a movie that has one", "2 of 5 rows", "1 rating of 1 movie that the table"),
        more={"movies.length_minutes": [81, np.nan, np.nan], "movies.imdb_number": [114709, 113228, 0]},
    ),
    "MovieTweetings": Shape(
        {
            "ratings.dat": "1::0114508::8::1381006850\n2::0499549::0::1376753198\n"
            "2::0114508::10::1376753200\n",
            "movies.dat": "0114508::Species (1995)::Action|Horror|Sci-Fi\n0499549::Avatar (2009)::\n",
            "users.dat": "1::139564917\n2::17528189\n",
        },
        [(1, "0114508", 8, 1381006850), (2, "0499549", 0, 1376753198), (2, "0114508", 10, 1376753200)],
        [
            ("0114508", "Species (1995)", 1995, ("Action", "Horror", "Sci-Fi")),
            ("0499549", "Avatar (2009)", 2009, ()),
        ],
        "MovieTweetings: read ratings.dat",
        (0, 10),
        noun="movie",
    ),
    "Netflix Prize": Shape(
        {
            "combined_data_1.txt": "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n822109,1,2006-04-01\n",
            "combined_data_2.txt": "4500:\n1488844,4,2006-04-01\n",
            "movie_titles.csv": b'1,2003,Dinosaur Planet\n2,1974,At Home, A "Stranger", \xc9\n4500,NULL,X\n',
            "probe.txt": "1:\n30878\n",
            "qualifying.txt": "1:\n1046323,2005-12-19\n",
            "README": "x",
        },
        [
            (1488844, 1, 3, 1125964800),
            (822109, 1, 5, 1115942400),
            (822109, 2, 1, MARCH_2006),
            (1488844, 4500, 4, MARCH_2006),
        ],
        [
            (1, "Dinosaur Planet", 2003, ()),
            (2, 'At Home, A "Stranger", É', 1974, ()),
            (4500, "X", 0, ()),
        ],
        "Netflix Prize: read combined_data_1.txt (comma, UTF-8), combined_data_2.txt",
        (1, 5),
        noun="movie",
    ),
    "Amazon reviews in CSV, 2014": Shape(
        {
            "ratings_Musical_Instruments.csv": "AKM1MP6P0OYPR,0132793040,5.0,1365811200\n"
            "#oc-R11D9LKDAN5NQJ,B00004Y2UT,1.0,1364774400\n"
        },
        [("AKM1MP6P0OYPR", "0132793040", 5, 1365811200), ("#oc-R11D9LKDAN5NQJ", "B00004Y2UT", 1, 1364774400)],
        [("0132793040", "0132793040", 0, ()), ("B00004Y2UT", "B00004Y2UT", 0, ())],
        "Amazon reviews: read ratings_Musical_Instruments.csv (comma, UTF-8): user = userId (texts), item",
        (1, 5),
    ),
    "Amazon reviews in CSV, 2018": Shape(
        {
            "Musical_Instruments.csv.gz": "0060009810,#oc-R11D9LKDAN5NQJ,3.0,1383350400\n"
            "B00004Y2UT,A1N4O8VOJZTDVB,5.0,1383350401\n"
        },
        [
            ("#oc-R11D9LKDAN5NQJ", "0060009810", 3, 1383350400),
            ("A1N4O8VOJZTDVB", "B00004Y2UT", 5, 1383350401),
        ],
        [("0060009810", "0060009810", 0, ()), ("B00004Y2UT", "B00004Y2UT", 0, ())],
        "Amazon reviews: read Musical_Instruments.csv.gz (comma, UTF-8): user = userId (texts), item",
        (1, 5),
    ),
    "Amazon reviews in JSON, 2014": Shape(
        {
            "reviews_Digital_Music_5.json.gz": '{"reviewerID": "A3EBHHCZO6V2A4", "asin": "5555991584", '
            '"reviewerName": "Amaranth", "helpful": [3, 3], "reviewText": "I\'s \\"a\\", {1}", "overall": 5.0'
            ', "summary": "Enya", "unixReviewTime": 1158019200, "reviewTime": "09 12, 2006"}\n'
            '{"reviewerID": "A2", "asin": "B000000IRB", "helpful": [0, 0], "reviewText": "", "overall": 1.0'
            ', "summary": "", "unixReviewTime": 1158019201, "reviewTime": "09 12, 2006"}\n',
            "meta_Digital_Music.json.gz": "{'asin': '5555991584', 'title': \"Memory of Trees\", 'price': 9.49"
            ", 'related': {'also_bought': ['B002']}, 'categories': [['CDs & Vinyl', 'New Age'], ['Music']]}\n"
            "{'asin': 'B000000IRB', 'categories': [['CDs & Vinyl']]}\n",
        },
        [("A3EBHHCZO6V2A4", "5555991584", 5, 1158019200), ("A2", "B000000IRB", 1, 1158019201)],
        [
            ("5555991584", "Memory of Trees", 0, ("CDs & Vinyl", "Music", "New Age")),
            ("B000000IRB", "B000000IRB", 0, ("CDs & Vinyl",)),
        ],
        "Amazon reviews: read reviews_Digital_Music_5.json.gz (JSON lines), meta_Digital_Music.json.gz (JS",
        (1, 5),
    ),
    "Amazon reviews in JSON, 2018": Shape(
        {
            "Digital_Music_5.json": '{"overall": 4.0, "verified": true, "reviewTime": "12 22, 2013", '
            '"reviewerID": "A1ZCPG3D3HGRSS", "asin": "0001388703", "style": {"Format:": " CD"}, "reviewerName'
            '": "m", "reviewText": "a", "summary": "b", "unixReviewTime": 1387670400}\n',
            "meta_Digital_Music.json": '{"category": ["Digital Music", "Pop"], "description": [], "title": '
            '"Early Works", "also_buy": ["B1"], "brand": "Don", "main_cat": "<img>", "asin": "0001388703"}\n',
        },
        [("A1ZCPG3D3HGRSS", "0001388703", 4, 1387670400)],
        [("0001388703", "Early Works", 0, ("Digital Music", "Pop"))],
        "rating = overall, timestamp = unixReviewTime (seconds, UTC)",
        (1, 5),
    ),
    "Amazon reviews in JSON, 2023": Shape(
        {
            "All_Beauty.jsonl": '{"rating": 5.0, "title": "Lovely", "text": "t\\n", "images": [], "asin": "B0'
            '0A", "parent_asin": "B00YQ6X8EO", "user_id": "AGKH", "timestamp": 1588687728923, "helpful_v'
            'ote": 0, "verified_purchase": true}\n{"rating": 2.0, "title": "Bad", "text": "", "asin": "B'
            '01", "parent_asin": "B01", "user_id": "AGKH", "timestamp": 1588687729001}\n',
            "meta_All_Beauty.jsonl": '{"main_category": "All Beauty", "title": "A Spray", "average_rating": '
            '4.8, "features": [], "price": null, "categories": ["Hair", "Care, etc"], "details": {"a": "b"}, '
            '"parent_asin": "B00YQ6X8EO", "bought_together": null}\n{"main_category": "All Beauty", "title": '
            '"Soap", "categories": [], "parent_asin": "B01"}\n',
        },
        [("AGKH", "B00YQ6X8EO", 5, 1588687728), ("AGKH", "B01", 2, 1588687729)],
        [("B00YQ6X8EO", "A Spray", 0, ("Care, etc", "Hair")), ("B01", "Soap", 0, ())],
        "item = parent_asin (texts), rating = rating, timestamp = timestamp (milliseconds, UTC)",
        (1, 5),
    ),
    "Book-Crossing": Shape(
        {
            "BX-Book-Ratings.csv": '"User-ID";"ISBN";"Book-Rating"\n"276725";"034545104X";"0"\n"276726";'
            '"0155061224";"5"\n"276725";"0155061224";"10"\n"276726";"9";"7"\n',
            "BX-Books.csv": '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S'
            '";"Image-URL-M";"Image-URL-L"\n"034545104X";"Flesh Tones: A Novel; R&amp;D";"M. J. Rose";"2002";'
            '"B";"a";"b";"c"\n"0155061224";"Réad \\"X-Men\\" (Level 4)\\"";"Amy";"0";"Heinle";"a";"b";"c"\n'
            '"1";"The "worst" row";"A";"1990";"P";"a";"b";"c"\n"2";"Four";"A";"1990"\n'.encode("cp1252"),
            "BX-Users.csv": '"User-ID";"Location";"Age"\n"276725";"málaga, n/a, spain";NULL\n"276726";"nyc, '
            'new york, usa";"18"\n'.encode("cp1252"),
        },
        [
            (276725, "034545104X", 0, 0),
            (276726, "0155061224", 5, 0),
            (276725, "0155061224", 10, 0),
            (276726, "9", 7, 0),
        ],
        [
            ("034545104X", "Flesh Tones: A Novel; R&amp;D", 2002, ()),
            ("0155061224", 'Réad "X-Men" (Level 4)"', 0, ()),
            ("9", "9", 0, ()),
        ],
        "Book-Crossing: read BX-Book-Ratings.csv (semicolon, UTF-8), BX-Books.csv (semicolon, CP1252), BX",
        (0, 10),
        warnings=(
            "2 rows",
            "1 rating of 1 item that the table of items lacks",
        ),
    ),
    "Book-Crossing by Kaggle": Shape(
        {
            "Ratings.csv": "User-ID,ISBN,Book-Rating\n276725,034545104X,0\n276726,0155061224,5\n",
            "Books.csv": "ISBN,Book-Title,Book-Author,Year-Of-Publication,Publisher,Image-URL-S,Image-URL-M,"
            'Image-URL-L\n034545104X,"Flesh, ""Tones""",M. J. Rose,2002,B,a,b,c\n'
            '0155061224,"Readers (Level 4)\\"";Michael Teitelbaum""",2000,DK,"http://a",b,c,\n',
            "Users.csv": 'User-ID,Location,Age\n276725,"tyler, texas, usa",34.0\n276726,"x, , ",18.0\n',
        },
        [(276725, "034545104X", 0, 0), (276726, "0155061224", 5, 0)],
        [
            ("034545104X", 'Flesh, "Tones"', 2002, ()),
            ("0155061224", 'Readers (Level 4)\\";Michael Teitelbaum"', 0, ()),
        ],
        "Book-Crossing: read Ratings.csv (comma, UTF-8), Books.csv (comma, UTF-8), Users.csv (comma, UTF-8)",
        (0, 10),
        more={"users.raw_age": [34, 18]},
    ),
    "Last.fm of HetRec": Shape(
        {
            "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t1\n",
            "artists.dat": "id\tname\turl\tpictureURL\n51\tDuran Duran\thttp://x\thttp://y\n"
            '52\t"Weird Al" Yankovic\thttp://x\t\n',
            "tags.dat": "tagID\ttagValue\n1\tmétal\n".encode("cp1252"),
            "user_taggedartists.dat": "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t13\t1\t4\t2009\n",
            "user_friends.dat": "userID\tfriendID\n2\t275\n",
        },
        [(2, 51, 1, 0), (2, 52, 1, 0), (3, 51, 1, 0)],
        [(51, "Duran Duran", 0, ()), (52, '"Weird Al" Yankovic', 0, ())],
        "Last.fm: read user_artists.dat (tab, UTF-8), artists.dat (tab, UTF-8): user = userID, item = artist",
        None,
        more={"ratings.n_events": [13883, 11690, 1]},
    ),
    "Last.fm 360K": Shape(
        {
            "usersha1-artmbid-artname-plays.tsv": "00000c28\t3bd73256\tbetty blowtorch\t2137\n"
            '00000c28\t\tdie "ärzte"\t1099\n00001411\t3bd73256\tbetty blowtorch\t23\n',
            "usersha1-profile.tsv": "00000c28\tf\t\tGermany\tFeb 1, 2007\n",
        },
        [
            ("00000c28", "betty blowtorch", 1, 0),
            ("00000c28", 'die "ärzte"', 1, 0),
            ("00001411", "betty blowtorch", 1, 0),
        ],
        [("betty blowtorch", "betty blowtorch", 0, ()), ('die "ärzte"', 'die "ärzte"', 0, ())],
        "user = userId (texts), item = title (texts), weight = weight",
        None,
        more={"ratings.n_events": [2137, 1099, 23]},
    ),
    "Last.fm 1K": Shape(
        {
            "userid-timestamp-artid-artname-traid-traname.tsv": "user_000001\t2009-05-04T23:08:57Z\tf1b1cf71"
            "\tDeep Dish\t\tFame\nuser_000001\t2009-05-04T13:54:10Z\ta7f7df4a\t坂本龍一\t\tComp\n"
            "user_000001\t2009-05-05T00:00:00Z\tf1b1cf71\tDeep Dish\tx\tOther\n",
            "userid-profile.tsv": "#id\tgender\tage\tcountry\tregistered\nuser_000001\tm\t\tJapan\t\n",
        },
        [("user_000001", "坂本龍一", 1, 1241445250), ("user_000001", "Deep Dish", 1, 1241481600)],
        [("Deep Dish", "Deep Dish", 0, ()), ("坂本龍一", "坂本龍一", 0, ())],
        "user = userId (texts), item = title (texts), timestamp = timestamp (dates, UTC)",
        None,
        more={"ratings.n_events": [1, 2]},
    ),
    "RecBole": Shape(
        {
            "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t8812"
            "50949\n22\t377\t1.0\t878887116.0\n",
            "ml-100k.item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "242\tKolya\t1996\tComedy Drama\n377\tHeavyweights\t\tChildren's\n",
            "ml-100k.user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
            "22\t25\tM\twriter\t40206\n196\t49\tF\twriter\t55105\n",
        },
        [(196, 242, 3, 881250949), (22, 377, 1, 878887116)],
        [(242, "Kolya", 1996, ("Comedy", "Drama")), (377, "Heavyweights", 0, ("Children's",))],
        "RecBole: read ml-100k.inter (tab, UTF-8), ml-100k.item (tab, UTF-8), ml-100k.user (tab, UTF-8): ",
        (1, 5),
        more={
            "users.raw_age": [25, 49],
            "users.is_male": [True, False],
            "users.zip_code": ["40206", "55105"],
        },
    ),
    "RecBole in parts": Shape(
        {
            "x.train.inter": "user_id:token\titem_id:token\ttimestamp:float\nu1\ti1\t1\nu1\ti2\t2\nu2\ti1\t3",
            "x.valid.inter": "user_id:token\titem_id:token\ttimestamp:float\nu1\ti3\t4\n",
            "x.test.inter": "user_id:token\titem_id:token\ttimestamp:float\nu2\ti3\t5\n",
        },
        [("u1", "i1", 1, 1), ("u1", "i2", 1, 2), ("u2", "i1", 1, 3), ("u1", "i3", 1, 4), ("u2", "i3", 1, 5)],
        [("i1", "i1", 0, ()), ("i2", "i2", 0, ()), ("i3", "i3", 0, ())],
        "RecBole: read x.train.inter (tab, UTF-8), x.valid.inter (tab, UTF-8), x.test.inter (tab, UTF-8)",
        None,
        more={"ratings.part": [TRAIN, TRAIN, TRAIN, VALIDATION, TEST]},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_columns_of_a_layout_are_those_of_its_files(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    dataset = load(write_files(tmp_path / "own", shape.files))
    assert ratings_of(dataset) == shape.ratings
    assert items_of(dataset) == shape.items
    assert shape.line in dataset.notes[0]
    scale = dataset.ratings.scale
    assert (None if scale is None else (scale.lowest, scale.highest)) == shape.scale
    assert dataset.noun == shape.noun
    for words, warning in zip(shape.warnings, dataset.warnings, strict=True):
        assert words in warning
    for column, expected in shape.more.items():
        table, name = column.split(".")
        np.testing.assert_array_equal(getattr(getattr(dataset, table), name), np.array(expected))
