"""The table of what sites give a person of their own films: a new layout is one entry here."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from movierec_cli.data.reader.roles import Asked, normalised, parse_columns
from movierec_cli.data.running_times.names import folded
from movierec_cli.recommend.rating_scales import HALF_STARS, HALF_TENTHS, STARS, TENTHS, Scale
from movierec_cli.records import dataclass


class Standing(enum.Enum):
    """What a file says of a movie that it does not rate."""

    KNOWN = "known"  # no more than that
    SEEN = "seen"
    LIKED = "liked"
    DISLIKED = "disliked"
    WANTED = "wanted"  # not seen yet


Cells = dict[str, str]
"""A row's fields by the columns' names, as `roles.normalised` gives them."""
Entry = tuple[Cells, Standing]


@dataclass(frozen=True)
class ExportLayout:
    """A file of a site's export: how it is told from others, and what its columns and rows mean."""

    source: str  # for people
    needs: str  # columns that it has, as `roles.normalised` names them
    scale: Scale | None = None  # of its ratings; None: it has none, or they show it themselves
    standing: Standing = Standing.KNOWN
    has_only_these: bool = False
    columns: str = ""  # as `--columns`, where the usual names would mislead
    entry: Callable[[Cells, Standing], Entry | None] | None = None  # what a row says; None: nothing
    added: str = ""  # columns that `entry` may add
    has_own_ids: bool = False  # whether a movie_id may be that of MovieLens
    is_newest_first: bool = False
    has_short_dates: bool = False  # 8/21/19, in the order of the person's country
    is_list: bool = False  # made by hand, of whatever films

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a table with these columns, `normalised`, has this layout."""
        needed = set(self.needs.split())
        return needed <= set(names) and not (self.has_only_these and len(names) != len(needed))

    @property
    def asked(self) -> tuple[Asked, ...]:
        """`columns`, read."""
        return parse_columns(tuple(self.columns.split()))

    @property
    def is_known(self) -> bool:
        """Whether it is a site's, and not anybody's list."""
        return self is not PLAIN_LIST


def _rated_or_made(cells: Cells, standing: Standing) -> Entry:
    """The day of the rating, or where there is none, that of the entry."""
    return cells | {"daterated": cells.get("daterated") or cells.get("created", "")}, standing


def _of_trakt(cells: Cells, standing: Standing) -> Entry:
    """A row of Trakt's JSON is of a movie, or of an episode, season or show, whose title is elsewhere."""
    if cells.get("movietitle"):
        return cells, standing
    kind = cells.get("type") or "show"
    return cells | {"movietitle": cells.get("showtitle", ""), "type": kind}, standing


_THUMBS = {"1": Standing.DISLIKED, "2": Standing.LIKED, "3": Standing.LIKED}
_NETFLIX_STARS = ("1", "2", "3", "4", "5")  # 0, -1 and -2 are withdrawn, not interested and not seen


def _of_netflix_rating(cells: Cells, standing: Standing) -> Entry | None:
    """By stars, as until 2017, or by thumbs: 1 is down, 2 up, 3 two up."""
    stars, kind = cells.get("starvalue", ""), cells.get("ratingtype", "").lower()
    if kind.startswith("star") or (not kind and stars in _NETFLIX_STARS):
        return (cells, standing) if stars in _NETFLIX_STARS else None
    found = _THUMBS.get(cells["thumbsvalue"])
    return None if found is None else (cells | {"starvalue": ""}, found)


_SEASON = re.compile(
    r"(?:season|series|staffel|temporada|saison|stagione|seizoen|sezon|säsong|sæson|sesong|kausi|évad)"
    r" *\d+|\d+\. *(?:season|staffel|sezon|évad)|(?:limited|mini)[- ]?series|miniserie|mini-?série"
    r"|série limitée|serie limitada",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    r"(?:part|parte|partie|teil|deel|book|volume|vol\.|chapter|collection|capítulo|libro|buch) *[\dIVX]+",
    re.IGNORECASE,
)
_EPISODE_AT_END = re.compile(r"\((?:episode|folge|episodio|épisode) \d+\)$", re.IGNORECASE)


def _of_netflix_view(cells: Cells, standing: Standing) -> Entry | None:
    """An episode is called after its series and season: "Black Mirror: Season 4: USS Callister"."""
    if cells.get("supplementalvideotype"):  # a trailer
        return None
    series, *parts = re.split(r"\s*: +", cells["title"])
    is_season = any(map(_SEASON.fullmatch, parts)) or any(map(_BETWEEN.fullmatch, parts[:-1]))
    if is_season or _EPISODE_AT_END.search(cells["title"]):
        return cells | {"title": series, "titletype": "series"}, standing
    return cells, standing


_LETTERBOXD, _IMDB, _NETFLIX, _TRAKT, _MUBI = (
    f"{site}'s export" for site in ("Letterboxd", "IMDb", "Netflix", "Trakt", "MUBI")
)
_TRAKT_IDS = "items.imdb=movieidsimdb items.tmdb=movieidstmdb title=movietitle year=movieyear"
PLAIN_LIST = ExportLayout("a list", "", has_own_ids=True)

LAYOUTS: tuple[ExportLayout, ...] = (
    ExportLayout(
        _LETTERBOXD,  # diary and reviews
        "name letterboxduri rating watcheddate",
        HALF_STARS,
        Standing.SEEN,
        columns="timestamp=watcheddate",
    ),
    ExportLayout(_LETTERBOXD, "name letterboxduri rating", HALF_STARS, Standing.SEEN),
    ExportLayout(_LETTERBOXD, "name letterboxduri", standing=Standing.SEEN),
    ExportLayout(_LETTERBOXD, "position name url description", standing=Standing.SEEN, is_list=True),
    ExportLayout(
        "a list in Letterboxd's form",
        "rating10",
        TENTHS,
        Standing.SEEN,
        columns="rating=rating10 timestamp=watcheddate",
    ),
    ExportLayout("a list in Letterboxd's form", "title rating watcheddate", HALF_STARS, Standing.SEEN),
    ExportLayout(
        _IMDB,
        "const yourrating",
        TENTHS,
        Standing.SEEN,
        columns="rating=yourrating timestamp=daterated title=title",
        entry=_rated_or_made,
        added="daterated",
    ),
    ExportLayout(
        _IMDB,  # until 2017
        "const yourated",
        TENTHS,
        Standing.SEEN,
        columns="rating=yourated timestamp=created title=title",
    ),
    ExportLayout(_IMDB, "const titletype", standing=Standing.SEEN, columns="timestamp=created", is_list=True),
    ExportLayout(
        "TMDb's export",
        "tmdbid name yourrating",
        HALF_TENTHS,
        Standing.SEEN,
        columns="rating=yourrating timestamp=daterated year=releasedate",
    ),
    ExportLayout(_TRAKT, "ratedat traktid title rating", TENTHS, columns="timestamp=ratedat"),
    ExportLayout(_TRAKT, "watchedat traktid title", standing=Standing.SEEN, columns="timestamp=watchedat"),
    ExportLayout(_TRAKT, "listedat traktid title", standing=Standing.SEEN, columns="timestamp=listedat"),
    ExportLayout(
        _TRAKT,
        "ratedat rating movietitle",
        TENTHS,
        columns=f"timestamp=ratedat {_TRAKT_IDS}",
        entry=_of_trakt,
        added="type",
    ),
    ExportLayout(
        _TRAKT,
        "watchedat movietitle",
        standing=Standing.SEEN,
        columns=f"timestamp=watchedat {_TRAKT_IDS}",
        entry=_of_trakt,
        added="type",
    ),
    ExportLayout(
        _TRAKT,
        "lastwatchedat movietitle",
        standing=Standing.SEEN,
        columns=f"timestamp=lastwatchedat {_TRAKT_IDS}",
        entry=_of_trakt,
        added="type",
    ),
    ExportLayout(
        _TRAKT,
        "listedat movietitle",
        standing=Standing.SEEN,
        columns=f"timestamp=listedat {_TRAKT_IDS}",
        entry=_of_trakt,
        added="type",
        is_list=True,
    ),
    ExportLayout(
        _NETFLIX,
        "titlename thumbsvalue",
        STARS,
        columns="rating=starvalue title=titlename timestamp=eventutcts",
        entry=_of_netflix_rating,
    ),
    ExportLayout(
        _NETFLIX,
        "titlename utctitleadddate",
        standing=Standing.WANTED,
        columns="title=titlename timestamp=utctitleadddate",
    ),
    ExportLayout(
        _NETFLIX,
        "title supplementalvideotype starttime",
        standing=Standing.SEEN,
        columns="title=title timestamp=starttime",
        entry=_of_netflix_view,
        added="titletype",
        is_newest_first=True,
    ),
    ExportLayout(
        _NETFLIX,
        "title supplementalvideotype starttimeutc",
        standing=Standing.SEEN,
        columns="title=title timestamp=starttimeutc",
        entry=_of_netflix_view,
        added="titletype",
        is_newest_first=True,
    ),
    ExportLayout(
        _NETFLIX,
        "title date",
        standing=Standing.SEEN,
        has_only_these=True,
        entry=_of_netflix_view,
        added="titletype",
        is_newest_first=True,
        has_short_dates=True,
    ),
    ExportLayout(
        _MUBI,
        "filmtitle overall",
        STARS,
        Standing.SEEN,
        columns="rating=overall title=filmtitle year=filmyear timestamp=updatedat",
    ),
    ExportLayout(
        _MUBI,
        "title originaltitle userrating averageratingoutoften",
        STARS,
        Standing.SEEN,
        columns="rating=userrating title=title year=year timestamp=ratingdate",
    ),
    ExportLayout(
        "MovieLens' export", "movieid averagerating rating title", HALF_STARS, Standing.SEEN, has_own_ids=True
    ),
    PLAIN_LIST,
)

# What the name of a file says, where several files of an export have the same columns.
_BY_PATH = (
    (re.compile(r"(?:^|[/_-])(?:watch[ _-]?list|wish(?:list|es)|mylist)[^/]*$"), Standing.WANTED),
    (re.compile(r"(?:^|/)(?:likes/[^/]*|(?:films|liked?s?)\.csv|[^/]*favou?rites[^/]*)$"), Standing.LIKED),
)
_NOT_OWN = re.compile(r"(?:^|/)(?:deleted|orphaned)/|(?:^|/)likes/(?!films)")


def is_of_the_person(path: str) -> bool:
    """Whether a member of an export is the person's own: not deleted, nor of others."""
    return _NOT_OWN.search(path.lower()) is None


def layout_of(path: str, header: Sequence[str]) -> ExportLayout:
    """The layout of a table.

    Args:
        path: its name with the folder that it is in; files of one export may differ in that alone.
        header: its columns.
    """
    names = [normalised(name) for name in header]
    found = next(layout for layout in LAYOUTS if layout.fits(names))
    if not found.is_known:
        return found
    standing = next((one for pattern, one in _BY_PATH if pattern.search(path.lower())), found.standing)
    return replace(found, standing=standing)


_NO_MOVIE = re.compile(
    r"serie|episod|season|staffel|saison|stagione|show|game|spiel|juego|podcast|musicvideo|^tv$"
)


def is_movie_kind(kind: str) -> bool:
    """Whether what is of this kind, in whatever language, is a movie, as all are whose kind is not named."""
    return _NO_MOVIE.search(re.sub(r"[^a-z]", "", folded(kind))) is None


def kept_cells(names: Sequence[str], fields: Sequence[str]) -> Cells:
    """A row by its columns' names; of columns of one name the first."""
    return dict(zip(reversed(names), reversed(fields), strict=True))
