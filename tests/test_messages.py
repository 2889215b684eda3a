"""Lines on standard output: whole, and nothing of them kept."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tap_kustomer.messages import OutputClosed, write_lines


def output(monkeypatch: pytest.MonkeyPatch, write: Callable[[memoryview], int]) -> None:
    """Let ``write`` be what standard output does with bytes."""
    buffer = SimpleNamespace(write=write)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer, flush=lambda: None))


def test_a_write_that_is_cut_short_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full pipe without a buffer, when a signal comes."""
    written = bytearray()

    def write_a_part(part: memoryview) -> int:
        written.extend(part[:3])
        return min(3, len(part))

    output(monkeypatch, write_a_part)
    write_lines(b"one\nthree\n")
    assert written == b"one\nthree\n"


def test_a_closed_pipe_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target is gone: no error of a stream."""

    def refuse(_part: memoryview) -> int:
        raise BrokenPipeError

    output(monkeypatch, refuse)
    with pytest.raises(OutputClosed):
        write_lines(b"one\n")


def test_what_was_written_can_grow_while_its_frame_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK's buffer is one for all messages; profilers and tracebacks keep frames."""
    closed = io.BytesIO()
    closed.close()
    output(monkeypatch, closed.write)
    lines = bytearray(b"one\n")
    with pytest.raises(ValueError, match="closed file") as kept:
        write_lines(lines)
    lines += b"two\n" * 1000
    assert kept.tb is not None
