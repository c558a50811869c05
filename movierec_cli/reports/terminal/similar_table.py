"""What a model places near a movie, for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from movierec_cli.recommend.similar import SimilarMovies

_WIDTH = 100


def similar_report(similar: SimilarMovies, console: Console) -> Table:
    """A line a movie, the nearest first, with the cosine of the embeddings."""
    table = Table(
        title=Text(f"Like {similar.title}, with: {similar.run.record.config.label}"),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        width=min(console.width, _WIDTH),
    )
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("similarity", justify="right", no_wrap=True)
    table.add_column("title", overflow="fold", ratio=3)
    table.add_column("genres", style="dim", no_wrap=True, overflow="ellipsis", ratio=2)
    for place, movie in enumerate(similar.movies, start=1):
        cosine = f"{movie.similarity:.2f}".replace("-", "−")
        table.add_row(str(place), cosine, Text(movie.title), Text(", ".join(movie.genres)))
    return table
