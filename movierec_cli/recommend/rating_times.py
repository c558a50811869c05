"""When people rated and watched elsewhere, in the forms in which sites write it."""

import datetime
import re
from collections.abc import Sequence

from movierec_cli.data.reader import column_values
from movierec_cli.data.reader.column_values import LAST_TIMESTAMP, TimeUnit

_SECONDS = re.compile(r"[0-9]{9,12}")
_SHORT_DATE = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]((?:[0-9]{2}){1,2})")


def seconds_of(texts: Sequence[str], *, has_short_dates: bool = False) -> dict[str, int]:
    """Seconds since 1970-01-01 UTC of each text that is a time.

    Args:
        texts: different ones, in the order of their file.
        has_short_dates: whether 8/21/19 is a date there, in the order of a country that is not known.
    """
    found = {text: seconds for text in texts if (seconds := plain_seconds(text)) is not None}
    others = [text for text in texts if text not in found]
    if not others:
        return found
    return found | (_short_dates(others) if has_short_dates else _other_dates(others))


def plain_seconds(text: str) -> int | None:
    """Of a text that is seconds or ISO 8601, in UTC where it names no zone; of another None."""
    if _SECONDS.fullmatch(text) and int(text) <= LAST_TIMESTAMP:
        return int(text)
    try:
        date = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp())


def _other_dates(texts: Sequence[str]) -> dict[str, int]:
    """Of all forms that data sets have."""
    import polars as pl

    found = column_values.seconds(pl.Series(texts, dtype=pl.String), TimeUnit.DATES).to_list()
    return {text: seconds for text, seconds in zip(texts, found, strict=True) if seconds is not None}


def _short_dates(texts: Sequence[str]) -> dict[str, int]:
    """Of 8/21/19 and 21/08/2019, in the order of day and month in which all are dates.

    Where both orders are possible, the one in which the file goes back in time, as it does; else the month
    comes first.
    """
    parts = {text: match for text in texts if (match := _SHORT_DATE.fullmatch(text))}
    orders = []
    for day, month in ((2, 1), (1, 2)):
        dates = {text: _date(match[3], match[month], match[day]) for text, match in parts.items()}
        known = {text: date for text, date in dates.items() if date is not None}
        ordered = list(known.values())
        orders.append((len(known), ordered == sorted(ordered, reverse=True), known))
    return max(orders, key=lambda one: one[:2])[2]


def _date(year: str, month: str, day: str) -> int | None:
    whole = int(year) if len(year) == 4 else 2000 + int(year)
    try:
        return int(datetime.datetime(whole, int(month), int(day), tzinfo=datetime.UTC).timestamp())
    except ValueError:
        return None
