"""Runs the tap in a process of its own which need not load the tap's modules: they are there.

Loading takes a second of the processor, more than most runs. So one process per test worker loads
them once, and each run is a fork of it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

from tests import fast_tap

__all__ = ["can_run", "run"]

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


# What Python or the system reads when a process begins, which a fork does not do again.
_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ")


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(_READ_AT_START)}


_AT_START = _at_start(os.environ)


def can_run(environment: Mapping[str, str]) -> bool:
    """Whether a fork does the same in ``environment`` as a process that begins in it.

    A script that runs the tap would be run again itself by each fork.
    """
    return "PYTEST_CURRENT_TEST" in os.environ and _at_start(environment) == _AT_START


def run(  # noqa: PLR0913 - as of any process
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    stdout: Path,
    stderr: Path,
    timeout: float,
) -> int:
    """Run ``tests.fast_tap`` with ``arguments``, its output in two files; return its status.

    Raises: ``TimeoutExpired`` after ``timeout`` seconds; the process is killed.
    """
    process = _CONTEXT.Process(
        target=_run, args=(list(arguments), dict(environment), cwd, stdout, stderr)
    )
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutExpired(list(arguments), timeout)
    return process.exitcode


def _run(
    arguments: list[str], environment: dict[str, str], cwd: Path, stdout: Path, stderr: Path
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for path, target in ((stdout, 1), (stderr, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, target)
        os.close(opened)
    os.chdir(cwd)
    sys.argv[1:] = arguments
    fast_tap.main()
