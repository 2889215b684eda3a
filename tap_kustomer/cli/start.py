"""Where both commands begin: what they need must be there, else a sentence says what is not.

A target in the same environment may have brought older packages, or others of the same name.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["end_with", "source", "tap"]

_STDERR = 2  # its number, the highest of the three that a process begins with


def tap() -> None:
    """Run ``tap-kustomer``."""
    _need_output()
    end_with(_imported("tap_kustomer.tap").TapKustomer.cli)


def source() -> None:
    """Run ``source-kustomer``."""
    _need_output()
    end_with(_imported("tap_kustomer.airbyte.source").main)


def end_with(command: Callable[[], object]) -> None:
    """Run ``command`` and end the process with the status with which it ends.

    Python would wait for threads that wait for Kustomer, minutes long.
    """
    try:
        command()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        logging.shutdown()
        with suppress(OSError, ValueError):  # a closed pipe; the command has said what there is
            sys.stdout.flush()
        os._exit(end.code)


def _need_output() -> None:
    """End where the caller has closed the output; take what else it has closed.

    Else the next file or connection would have the number, and get what is printed.
    """
    number = os.open(os.devnull, os.O_RDWR)
    while number <= _STDERR:  # the lowest that is free
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    # Python has none for a number that was closed when it began, whatever its type says.
    if not sys.stderr:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the process keeps it
    if not sys.stdout:
        sys.exit("The output is closed, so there is nowhere to print to.")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever PYTHONIOENCODING says: it is JSON


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever another version of a package does
        sys.exit(
            "The packages that tap-kustomer needs are missing or of another version "
            f"({type(error).__name__}: {error}). Install it into its own environment, "
            "without a target: `pipx install`, `uv tool install` and Meltano do that.",
        )
