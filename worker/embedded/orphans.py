"""Let a child process die with its parent, even if the parent gets SIGKILL."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dying_with_parent(number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Return a `preexec_fn` for subprocess.Popen that has the kernel signal the child when its parent dies.

    Linux only; None elsewhere. The kernel watches the *thread* that starts the child, so start it from one that lives
    as long as the child should, normally the main thread.
    """
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec nothing may allocate or take the import lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent_pid = os.getpid()

    def die_with_parent() -> None:
        # It may be ignored, after `nohup` for example, and a child inherits that.
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, number)
        # The parent may have died between the fork and the line above: then no signal ever comes.
        if os.getppid() != parent_pid:
            os._exit(1)

    return die_with_parent
