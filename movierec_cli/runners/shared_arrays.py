"""A value whose arrays several processes of one machine read where they lie: in a file without a name.

What is not an array of plain numbers travels as every argument of a process does. The file has no name, so
that nothing is left of it when the last process has ended, however that came about.
"""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, recv_handle, send_handle
from typing import IO, Any

from movierec_cli.records import dataclass

_ALIGNED = 64  # bytes, as NumPy's own arrays


@dataclass(frozen=True)
class SharedValue:
    """A value as it is handed to processes: all but its arrays, and where these lie in the file."""

    content: bytes
    spans: tuple[tuple[int, int], ...]  # [start, stop) in bytes
    file: IO[bytes]

    @classmethod
    def of(cls, value: object) -> SharedValue:
        """Writes the arrays of a value. Raises an `OSError` where the file of them finds no room."""
        buffers: list[Any] = []
        content = io.BytesIO()
        # 5 is the first protocol that leaves arrays where they are, and names are those of Python 3.
        ForkingPickler(content, 5, False, buffers.append).dump(value)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        spans = []
        for buffer in buffers:
            with buffer.raw() as raw:
                file.write(bytes(-file.tell() % _ALIGNED))
                spans.append((file.tell(), file.tell() + raw.nbytes))
                file.write(raw)
        file.flush()
        return cls(content.getvalue(), tuple(spans), file)

    def send(self, connection: Connection, process_id: int) -> None:
        """Hands it to another process; raises an `OSError` where that has ended."""
        connection.send((self.content, self.spans))
        send_handle(connection, self.file.fileno(), process_id)

    def close(self) -> None:
        """Lets go of the file; who has received it reads on."""
        self.file.close()


def received(connection: Connection) -> Any:
    """What `SharedValue.send` has sent, with arrays that lie in the file and cannot be written."""
    content, spans = connection.recv()
    with open(recv_handle(connection), "rb") as file:
        return ForkingPickler.loads(content, buffers=_mapped(file, spans))


def _mapped(file: IO[bytes], spans: Sequence[tuple[int, int]]) -> list[memoryview]:
    if not spans or spans[-1][1] == 0:
        return [memoryview(b"") for _ in spans]
    view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return [view[start:stop] for start, stop in spans]
