"""Files that several runs of the same data have alike, such as their users' ratings, are on the disk once.

Each folder has its own name for such a file, a hard link: it can be moved, copied or deleted like any other
folder, and what is in it stays as long as one of the folders does. Nobody changes a file of a run: a run that
changes, such as when it forgets a user, is written anew and takes the place of the old one. So what is
shared needs no list of who shares it. Where the file system has no hard links, each run has a copy.
"""

import contextlib
import os
import stat
from pathlib import Path

SHARED_FROM = 1 << 16  # bytes


def write_or_share(target: Path, content: bytes, directory: Path) -> None:
    """Writes a new file of a run, or makes it another name of the same file of another run.

    Args:
        target: in a folder that is not yet in its place; absent.
        content: of the file.
        directory: the saved models, whose folders are looked at for a file of this name and content.

    Raises:
        OSError: it cannot be written.
    """
    if len(content) >= SHARED_FROM:
        for folder in sorted(directory.iterdir()):
            known = folder / target.name
            with contextlib.suppress(OSError):  # deleted meanwhile, not to be read, or not to be linked
                if not folder.name.startswith(".") and _holds(known, content):
                    os.link(known, target, follow_symlinks=False)
                    return
    target.write_bytes(content)


def _holds(file: Path, content: bytes) -> bool:
    status = file.lstat()
    is_alike = stat.S_ISREG(status.st_mode) and status.st_size == len(content)
    return is_alike and file.read_bytes() == content
