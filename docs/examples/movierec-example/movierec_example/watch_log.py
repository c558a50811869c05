"""A layout: the log of a media server, a line for each time that somebody watched something.

Such as `2026-03-14T20:15:00 | ann | Alien (1979) | 117`, in files that end in ".watchlog".
"""

from movierec_cli.plugins import FileSpec, Layout, Rules

WATCH_LOG = Layout(
    "watch-log",
    (FileSpec("ratings", r".+\.watchlog", "timestamp userId title minutes", "|"),),
    asked="item=title weight=minutes",
    rules=Rules(own_items=False),
    example={
        "living-room.watchlog": "2026-03-14 20:15:00|ann|Alien (1979)|117\n"
        "2026-03-15 21:00:00|ben|Amélie (2001)|122\n"
        "2026-03-16 19:30:00|ann|Amélie (2001)|40\n"
    },
)
