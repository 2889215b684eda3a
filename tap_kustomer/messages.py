"""Writes Singer messages; rows of a page in one go."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook
from singer_sdk.singerlib.encoding.simple import Message
from typing_extensions import override

__all__ = ["KustomerWriter", "OutputClosed", "let_output_block", "write_lines"]


class OutputClosed(BaseException):
    """Nobody reads any more, or nothing more can be written: no error of a stream.

    The text says why, where that is news to the user: a target that is gone has told already.
    """


class KustomerWriter(MsgSpecWriter):
    """The SDK's fast writer, and a way past it for rows that need no mapping.

    Only the main thread may write: all writers of the SDK share one buffer.
    """

    _encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")

    def write_records(
        self,
        stream: str,
        records: Iterable[dict[str, Any] | msgspec.Struct],
        version: int | None = None,
    ) -> int:
        """Write one RECORD message per record, all with the same moment of extraction.

        Returns how many there are. Nothing is written when making one of them fails.
        """
        message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": None}
        if version is not None:
            message["version"] = version
        message["time_extracted"] = datetime.now(timezone.utc)
        lines, count = self._lines(message, message, "record", records)
        if count:
            write_lines(lines)
        return count

    def _lines(
        self,
        message: dict[str, Any],
        holder: dict[str, Any],
        member: str,
        records: Iterable[dict[str, Any] | msgspec.Struct],
    ) -> tuple[bytearray, int]:
        """Return a line for each record, and their number; a record is a member of ``holder``."""
        lines = bytearray()
        encode_into = self._encoder.encode_into
        count = 0
        for record in records:
            holder[member] = record
            encode_into(message, lines, -1)
            lines += b"\n"
            count += 1
        return lines, count

    @override
    def write_message(self, message: Message) -> None:
        """Write one message. Raises ``OutputClosed``."""
        write_lines(self.format_message(message))


def write_lines(lines: bytes | bytearray) -> None:
    """Write whole lines to standard output. Raises ``OutputClosed`` when nobody reads any more."""
    # Unbuffered (PYTHONUNBUFFERED, as in many images), a signal cuts a write to a full pipe
    # short, and the rest of the line would be missing before the last STATE.
    # Each view ends here, whoever looks at this frame: the SDK's buffer cannot grow under it.
    with memoryview(lines) as view:
        written = 0
        while written < len(view):
            with view[written:] as rest:
                written += _written(sys.stdout.buffer.write, rest)
        _written(sys.stdout.flush)


def _written(write: Callable[..., int | None], *lines: memoryview) -> int:
    """Return how many bytes ``write`` wrote; none or some where the output does not block."""
    try:
        return write(*lines) or 0
    except BlockingIOError as error:
        let_output_block()  # whoever shares the pipe has changed its mode
        return error.characters_written + (0 if lines else _written(write))
    except (BrokenPipeError, ConnectionResetError):
        raise OutputClosed from None
    except OSError as error:
        msg = f"The output cannot be written: {error.strerror}."
        raise OutputClosed(msg) from None


def let_output_block() -> None:
    """Wait for whoever reads the output, also where the caller made it a non-blocking pipe.

    Else a write to a full pipe would end in the middle of a line.
    """
    for stream in (sys.stdout, sys.stderr):
        # Not in Windows before Python 3.12, and not where a test has put something else.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            os.set_blocking(stream.fileno(), True)
