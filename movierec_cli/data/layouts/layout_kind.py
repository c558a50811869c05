"""The layouts' names, apart from their parsers so that the sources table costs no imports."""

from __future__ import annotations

import enum


class LayoutKind(enum.StrEnum):
    """The layouts GroupLens has published its ratings in, where this program reads them."""

    MOVIELENS_100K = "100K"
    MOVIELENS_1M = "1M"
    CSV = "CSV"
