"""What the columns of a table mean, by their names or as `--columns` says.

Case, underscores and blanks in a name do not count: `userId`, `user_id` and `User-ID` are one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from movierec_cli.errors import UsageError

USER, ITEM, RATING, TIMESTAMP, WEIGHT = "user", "item", "rating", "timestamp", "weight"
TITLE, GENRES, YEAR, LENGTH, IMDB, TMDB = "title", "genres", "year", "length", "imdb", "tmdb"
AGE, GENDER, OCCUPATION, ZIP_CODE = "age", "gender", "occupation", "zip_code"
ID = "id"  # of the table's own rows: an item among items, a user among users


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _ids(text: str) -> tuple[str, ...]:
    """Names of a column of ids: of each word, with and without an ending."""
    ends = ("id", "", "key", "no", "number", "uuid", "idx", "index", "code")
    return tuple(f"{word}{end}" for word in text.split() for end in ends)


# The first name that a table has is taken, so the surest come first.
_NAMES: Mapping[str, tuple[str, ...]] = {
    USER: (
        *_ids("user customer reviewer visitor member person account client reader viewer learner student"),
        *_ids("player profile subscriber usersha1 session"),
        *_words("uid username authorid"),
    ),
    ITEM: (
        *_ids("parentasin item movie film product asin isbn book song track artist show article game course"),
        *_ids("business sku anime mal recipe listing podcast venue poi beer hotel restaurant joke offer"),
        *_words("newsid videoid contentid appid placeid pageid docid documentid iid mid stockcode"),
    ),
    RATING: _words(
        "rating yourrating userrating stars star score overall bookrating movierating reviewscore"
        " reviewrating ratingvalue ratingval starrating rate grade preference vote value"
        " liked isliked recommended isrecommended"
    ),
    TIMESTAMP: _words(
        "timestamp unixreviewtime ratingtimestamp unixtime unixtimestamp time ts watcheddate daterated"
        " datetime date ratedat ratingdate createdat created eventtime eventtimestamp watchedat dateadded"
        " reviewdate reviewtime tstamp clicktime viewedat ratedon reviewedat watchedon playedat listenedat"
        " eventdate orderdate invoicedate purchasedate transactiondate visitdate checkintime tdat"
    ),
    WEIGHT: (),  # only where --weights names it
    TITLE: _words(
        "title movietitle booktitle itemtitle productname producttitle prodname itemname moviename name"
        " trackname songname songtitle artistname primarytitle titlename film movie originaltitle headline"
    ),
    GENRES: _words("genres genre moviegenres categories category class tags maincategory"),
    YEAR: _words(
        "year releaseyear movieyear yearofpublication publicationyear originalpublicationyear startyear"
        " releasedate publicationdate publisheddate yearreleased published released"
    ),
    LENGTH: _words("runtime runtimeminutes runtimemins lengthminutes movielength duration length"),
    IMDB: _words("imdbid imdb tconst const imdbnumber"),
    TMDB: _words("tmdbid tmdb"),
    AGE: _words("age userage rawage rawuserage bucketizedage bucketizeduserage"),
    GENDER: _words("gender sex usergender"),
    OCCUPATION: _words("occupation job profession useroccupation"),
    ZIP_CODE: _words("zipcode zip postalcode postcode userzipcode"),
}
OF_RATINGS = (USER, ITEM, RATING, TIMESTAMP, WEIGHT)
OF_ITEMS = (ID, TITLE, GENRES, YEAR, LENGTH, IMDB, TMDB)
OF_USERS = (ID, AGE, GENDER, OCCUPATION, ZIP_CODE)
TABLES: Mapping[str, tuple[str, ...]] = {
    "ratings": (*OF_RATINGS, TITLE, GENRES, YEAR),
    "items": OF_ITEMS,
    "users": OF_USERS,
}
_OF_CATALOGUES = ("imdbid", "tconst", "tmdbid", "traktid")  # ids of items that have none of their own
_MOVIE_WORDS = ("movie", "film", "imdb", "tmdb", "letterboxd")


def normalised(name: str) -> str:
    """A column's name in small letters and digits alone, without the type that RecBole adds."""
    return re.sub(r"[^a-z0-9]", "", name.rpartition(":")[0].lower() or name.lower())


def is_known(name: str) -> bool:
    """Whether a column's name is one of those that say what it means."""
    return normalised(name) in _ALL


def says_movie(names: Iterable[str]) -> bool:
    """Whether columns are named after movies."""
    return any(word in normalised(name) for name in names for word in _MOVIE_WORDS)


_ALL = frozenset(("id", *(name for names in _NAMES.values() for name in names)))


class Asked(NamedTuple):
    """What `--columns` says of one column."""

    table: str  # of `TABLES`
    role: str
    name: str


def parse_columns(words: Sequence[str]) -> tuple[Asked, ...]:
    """Reads `user=Customer items.title=Name`.

    Raises:
        UsageError: a word is none of these, or says the same twice.
    """
    asked: list[Asked] = []
    for word in words:
        left, equals, name = word.partition("=")
        table, _, role = left.strip().lower().rpartition(".")
        table = table or "ratings"
        wanted = f"--columns takes words such as user=Customer items.title=Name, not '{word}'"
        if not equals or not name.strip():
            raise UsageError(wanted)
        if role not in TABLES.get(table, ()):
            known = "; ".join(f"{one}: {', '.join(roles)}" for one, roles in TABLES.items())
            raise UsageError(f"{wanted}: '{left}' is none of {known}")
        if any((table, role) == (one.table, one.role) for one in asked):
            raise UsageError(f"--columns says {left} twice")
        asked.append(Asked(table, role, name.strip()))
    return tuple(asked)


def places(table: str, header: Sequence[str], asked: Sequence[Asked] = ()) -> dict[str, int]:
    """Where each role stands among a table's columns; one that no column has is left out.

    Args:
        table: of `TABLES`.
        header: the columns' names.
        asked: what `--columns` says, the first of a role that the header has; a name may be another file's.
    """
    words = [normalised(name) for name in header]
    found: dict[str, int] = {}
    for _, role, name in (one for one in asked if one.table == table):
        exact = [place for place, own in enumerate(header) if own.strip() == name]
        alike = exact or [place for place, word in enumerate(words) if word == normalised(name)]
        if alike:
            found.setdefault(role, alike[0])
    for role in TABLES[table]:
        if role not in found:
            free = [word if place not in found.values() else "" for place, word in enumerate(words)]
            first = next((name for name in _names(table, role) if free.count(name) == 1), None)
            if first is not None:
                found[role] = free.index(first)
    if table == "ratings" and ITEM not in found and TITLE in found:
        found[ITEM] = found[TITLE]  # a title is an id where there is no other
    return found


def _names(table: str, role: str) -> tuple[str, ...]:
    if role != ID:
        return (*_NAMES[role], *_OF_CATALOGUES) if role == ITEM else _NAMES[role]
    own = _NAMES[ITEM if table == "items" else USER]
    # "id" after "movieId", as a table of links has both, but before "movie", which may be the title
    sure = tuple(name for name in own if name.endswith(("id", "asin", "isbn")))
    return (*sure, "id", *own)
