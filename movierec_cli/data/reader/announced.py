"""Ratings under lines that name their item, as the Netflix Prize has them: "8:", then "1488844,3,2005-09-06".

Each row is given its item.
"""

from bisect import bisect_right

from movierec_cli.data.reader.archive import Stream


class AnnouncedItems:
    """A stream whose rows begin with the item that the last "8:" announced."""

    def __init__(self, stream: Stream) -> None:
        self.place = stream.place
        self._stream = stream
        self._item, self._rest = b"", b""
        self._n_rows = 0
        self._announced: list[int] = []  # by how many rows each such line is preceded

    def read(self, size: int) -> bytes:
        """The next whole lines, of about so many bytes; none only at the end."""
        while True:
            chunk = self._stream.read(size)
            if not chunk and not self._rest:
                return b""
            lines = (self._rest + chunk).split(b"\n")
            self._rest = lines.pop() if chunk else b""
            rows: list[bytes] = []
            for line in lines:
                text = line.rstrip(b"\r")
                if text.endswith(b":"):
                    self._item = text[:-1]
                    self._announced.append(self._n_rows + len(rows))
                elif text:
                    rows.append(self._item + b"," + text)
            self._n_rows += len(rows)
            if rows:
                return b"\n".join(rows) + b"\n"
            if not chunk:
                return b""

    def line_of(self, row: int) -> int:
        """The line in the file of a row, both from 1."""
        return row + bisect_right(self._announced, row - 1)
