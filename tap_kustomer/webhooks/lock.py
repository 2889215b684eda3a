"""One process at a time: a lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tap_kustomer.webhooks.errors import SpoolError

__all__ = ["lock"]


def lock(path: Path, holder: str) -> int:
    """Take the lock that is the file ``path``; return its descriptor, which keeps the lock.

    A child process that inherits the descriptor keeps the lock too.
    Raises: ``SpoolError`` when another process has it; ``holder`` says what that process is.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        msg = f"The file {path} cannot be written: {error.strerror}. Check the path of the spool."
        raise SpoolError(msg) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        msg = f"The spool is held by another process: {holder}. End that one first."
        raise SpoolError(msg) from None
    return descriptor
