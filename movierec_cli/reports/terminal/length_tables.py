"""How many movies have a running time, for the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from movierec_cli.data.running_times.apply import Count, Coverage, MovieLength
from movierec_cli.data.running_times.matching import Status
from movierec_cli.data.running_times.titles_file import ImdbEntry
from movierec_cli.experiment.wording import percent
from movierec_cli.reports.terminal.rich_tables import new_table
from movierec_cli.text import shown_title

MOVIES_SHOWN = 20
_TITLES_SHOWN = 4


def coverage_report(coverage: Coverage) -> Group:
    """The answer, a table of how each length was found, and the movies worth a look."""
    parts: list[RenderableType] = [_answer(coverage), _table(coverage)]
    for status in (Status.UNMATCHED, Status.AMBIGUOUS):
        movies = coverage.of_status(status)
        if movies:
            most = f"the {MOVIES_SHOWN} of {len(movies):,} with most ratings"
            number = most if len(movies) > MOVIES_SHOWN else len(movies)
            parts.append(Text(f"{status.capitalize()}: {number}", style="bold"))
            parts.append(_movies_table(movies, with_titles=status is Status.AMBIGUOUS))
    return Group(*parts)


def _answer(coverage: Coverage) -> Text:
    known, whole = coverage.known, coverage.all
    have = "has" if known.n_movies == 1 else "have"
    return Text.assemble(
        (f"{known.n_movies:,} of {whole.n_movies:,} movies of '{coverage.name}' {have} a length", "bold"),
        f" ({_fraction(known.n_movies, whole.n_movies)}).\n"
        f"{_fraction(known.n_ratings, whole.n_ratings)} of the ratings are of movies with a length.\n"
        f"The lengths are {coverage.origin}.",
    )


def _table(coverage: Coverage) -> Table:
    table = new_table()
    table.add_column("length", overflow="fold")
    for header in ("movies", "of all", "ratings", "of all"):
        table.add_column(header, justify="right", no_wrap=True)
    for total, parts in ((coverage.known, coverage.known_by), (coverage.missing, coverage.missing_by)):
        _add_rows(table, total, [part for part in parts if part.n_movies], coverage.all)
    return table


def _add_rows(table: Table, total: Count, parts: Iterable[Count], whole: Count) -> None:
    for count, style, indent in ((total, "bold", ""), *((part, "", "  ") for part in parts)):
        table.add_row(
            f"{indent}{count.label}",
            f"{count.n_movies:,}",
            _fraction(count.n_movies, whole.n_movies),
            f"{count.n_ratings:,}",
            _fraction(count.n_ratings, whole.n_ratings),
            style=style,
        )


def _movies_table(movies: Sequence[MovieLength], *, with_titles: bool) -> Table:
    table = new_table()
    table.add_column("ratings", justify="right", no_wrap=True)
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("title", overflow="fold")
    if with_titles:
        table.add_column("can be", overflow="fold")
    for movie in movies[:MOVIES_SHOWN]:
        titles = [_titles(movie.entries)] if with_titles else []
        table.add_row(f"{movie.n_ratings:,}", str(movie.movie_id), Text(shown_title(movie.title)), *titles)
    return table


def _titles(titles: tuple[ImdbEntry, ...]) -> Text:
    lines = [_imdb_title(title) for title in titles[:_TITLES_SHOWN]]
    n_more = len(titles) - len(lines)
    return Text("\n".join([*lines, f"and {n_more} more"] if n_more else lines))


def _imdb_title(title: ImdbEntry) -> str:
    length = f"{title.minutes} min" if title.minutes else "no length"
    return f"{title.tconst}, {title.year or 'no year'}, {length}"


def _fraction(n: int, total: int) -> str:
    return percent(n / total) if total else "–"
