"""The pages of a server: a model to explore, which asks the server, and what its API takes."""

from __future__ import annotations

from movierec_cli.registry.store import Run
from movierec_cli.reports.web import pages
from movierec_cli.reports.web.explore_page import served_document_page

_ASKS_ITS_SERVER = "; connect-src 'self'"


def served_page(run: Run) -> str:
    """The page of a model that is served: its movies and the ids of its users; lists are asked for.

    Raises:
        SavedModelError: the run is damaged.
    """
    return served_document_page(run, _ASKS_ITS_SERVER)


def api_page() -> str:
    """The page that shows the server's OpenAPI document, with examples."""
    parts = {"title": "movierec's API", "connect": _ASKS_ITS_SERVER}
    return pages.filled("api_page", ("api_page.js",), parts)
