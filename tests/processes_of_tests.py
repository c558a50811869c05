"""Actions in another process, for tests of what is left when it ends."""

import os
from collections.abc import Callable


def in_child(action: Callable[[], object]) -> int:
    """Runs it in a fork of this process, which is quick; the number of the error, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except OSError as error:
            os._exit(error.errno or 255)
        except BaseException:
            os._exit(255)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
