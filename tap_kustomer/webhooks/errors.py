"""Errors of the webhooks, as sentences. The SDK, which the tap's own need, stays out of here."""

from __future__ import annotations

import traceback

__all__ = ["SpoolError", "WebhookError", "frames_of"]


class WebhookError(Exception):
    """Something a user can act on; its text is the whole message."""


class SpoolError(WebhookError):
    """The spool cannot be used."""


def frames_of(error: BaseException) -> str:
    """Return where an error came from, without its text, which may show an event."""
    lines = [line.rstrip() for line in traceback.format_tb(error.__traceback__)]
    return "\n".join([type(error).__name__, *lines])
