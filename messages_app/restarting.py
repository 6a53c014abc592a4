"""What all need who keep processes running: that these end with them, and how long to wait for the next."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LONGEST_PAUSE = 30.0
# Whoever ran this long, in seconds, had started well: the next fall is a new one.
STEADY = 60.0


def pause_before_restart(falls: int) -> float:
    """Return the seconds to wait after the `falls`-th fall in a row (>= 1): 0.5, 1, 2 ... 30."""
    return min(0.5 * 2.0 ** min(falls - 1, 10), LONGEST_PAUSE)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when `parent`, a process id, ends; `kill -9` included (prctl(2)).

    Where the parent ended before the kernel was asked, nobody would ever signal this one: it ends at once.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
