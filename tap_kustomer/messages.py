"""Writes Singer messages; rows of a page in one go."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.singerlib.encoding.simple import Message

__all__ = ["KustomerWriter", "OutputClosed", "write_lines"]


class OutputClosed(BaseException):
    """The target closed the pipe: no error of a stream, nobody reads any more."""


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
        lines = bytearray()
        encode_into = self._encoder.encode_into
        count = 0
        for record in records:
            message["record"] = record
            encode_into(message, lines, -1)
            lines += b"\n"
            count += 1
        if count:
            write_lines(lines)
        return count

    @override
    def write_message(self, message: Message) -> None:
        """Write one message. Raises ``OutputClosed``."""
        write_lines(self.format_message(message))


def write_lines(lines: bytes | bytearray) -> None:
    """Write whole lines to standard output. Raises ``OutputClosed`` when nobody reads any more."""
    # Unbuffered (PYTHONUNBUFFERED, as in many images), a signal cuts a write to a full pipe
    # short, and the rest of the line would be missing before the last STATE.
    # The view ends here, whoever looks at this frame: the SDK's buffer cannot grow under it.
    with memoryview(lines) as view:
        written = 0
        try:
            while written < len(view):
                written += sys.stdout.buffer.write(view[written:])
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputClosed from None
