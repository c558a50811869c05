"""HTML as values: text is escaped unless it was made here, so no title can become markup."""

from __future__ import annotations

import html
from collections.abc import Iterable


class Html(str):
    """Markup that stands in a page as it is."""

    __slots__ = ()


_VOID = frozenset({"br", "col", "input"})


def tag(name: str, *content: str, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        name: of the element.
        content: markup made here stays, any other text is escaped.
        attributes: `class_` is written class, `data_value` data-value. True is written without a value;
            False and None are left out.
    """
    opening = f"<{name}{''.join(_attribute(*item) for item in attributes.items())}>"
    return Html(opening if name in _VOID else f"{opening}{joined(content)}</{name}>")


def joined(content: Iterable[str]) -> Html:
    """Pieces one after the other; those that are not markup are escaped."""
    return Html("".join(piece if isinstance(piece, Html) else html.escape(piece) for piece in content))


def tags(name: str, contents: Iterable[str], **attributes: str | float | bool | None) -> Html:
    """An element around each of the contents."""
    return joined(tag(name, content, **attributes) for content in contents)


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{html.escape(str(value))}"'
