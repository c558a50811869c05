"""What a terminal of some width shows."""

from collections.abc import Callable
from io import StringIO

from rich.console import Console, RenderableType


def printed(make: Callable[[Console], RenderableType], width: int, *, styled: bool = False) -> str:
    """The text of what is made for a console; `styled` is with the codes of bold and colours."""
    file = StringIO()
    colours = "standard" if styled else None
    console = Console(file=file, width=width, force_terminal=styled, color_system=colours)
    console.print(make(console))
    return file.getvalue()
