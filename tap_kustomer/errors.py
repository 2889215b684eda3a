"""Errors as sentences with an action.

Every text says what happened and what to do, names the setting, stream or role, and never holds
a key, a row or a body of an answer.

    KustomerError
    ├── SettingsError            a setting is wrong; nothing was sent
    ├── CredentialsError         the key or the host is wrong: no stream can work
    ├── StateError               the state belongs to another org or another tap
    └── StreamError              one stream cannot go on; the others do
        ├── MissingRoleError     403
        ├── NotFoundError        404
        │   └── UnknownEndpointError  404 that says so: no record is missing, the path is
        ├── RequestRefusedError  400 and other 4xx: this form of the request is not supported
        ├── ForeignAnswerError   a 4xx that is not of Kustomer's form: it says nothing of it
        ├── UntrustedAnswerError the answer breaks what was asked for
        ├── EmptiedRowsError     rows came without their attributes; the next run may believe it
        ├── SpentError           not sent: a check has asked as much as it may
        └── UnavailableError     retried until the time was up
            └── PageFailedError  the server cannot make this page; a smaller one may work
"""

from __future__ import annotations

import traceback

from singer_sdk.exceptions import ConfigValidationError

__all__ = [
    "CredentialsError",
    "EmptiedRowsError",
    "ForeignAnswerError",
    "KustomerError",
    "MissingRoleError",
    "NotFoundError",
    "PageFailedError",
    "RequestRefusedError",
    "SettingsError",
    "SpentError",
    "StateError",
    "StreamError",
    "UnavailableError",
    "UnknownEndpointError",
    "UntrustedAnswerError",
    "frames_of",
]


class KustomerError(Exception):
    """Something a user can act on; its text is the whole message."""


class SettingsError(KustomerError, ConfigValidationError):
    """One or more settings are wrong."""

    def __init__(self, problems: list[str]) -> None:
        """Keep one sentence per problem."""
        ConfigValidationError.__init__(self, "\n".join(problems), errors=problems)


class CredentialsError(KustomerError):
    """The key is refused or belongs to another host."""


class StateError(KustomerError):
    """The state cannot be continued by this tap."""


class StreamError(KustomerError):
    """One stream cannot be read.

    ``confirmed`` marks a refusal that Kustomer gave twice in the same way.
    """

    confirmed: bool = False


class MissingRoleError(StreamError):
    """The key lacks the role for this endpoint."""


class NotFoundError(StreamError):
    """The endpoint is not part of this org or not on this host."""


class UnknownEndpointError(NotFoundError):
    """Kustomer says that there is no such endpoint, not that a record is missing."""


class RequestRefusedError(StreamError):
    """Kustomer does not take the request in this form.

    ``is_about_form`` is false where the status says nothing of the form: another may work no
    better, and would bring less.
    """

    is_about_form: bool = True


class ForeignAnswerError(StreamError):
    """The answer is a refusal, but not one by Kustomer: a firewall, a proxy, a login page."""


class EmptiedRowsError(StreamError):
    """A search shows rows without their attributes, again and again."""


class UntrustedAnswerError(StreamError):
    """The answer is well-formed, but not what was asked for.

    ``assumption`` names the entry of the ledger that it contradicts.
    """

    def __init__(self, sentence: str, *, assumption: str = "search-filter") -> None:
        """Keep the sentence."""
        super().__init__(sentence)
        self.assumption = assumption


class SpentError(StreamError):
    """A request was not sent: it would be more than a check may ask."""


class UnavailableError(StreamError):
    """Kustomer did not answer properly in the time that one request may be retried."""


class PageFailedError(UnavailableError):
    """The server failed at this page again and again; it may be able to make a smaller one."""


def frames_of(error: BaseException) -> str:
    """Return the traceback without the texts of the errors: they may show a key or a row."""
    parts = []
    current: BaseException | None = error
    while current is not None:
        parts.append(type(current).__name__)
        parts += [line.rstrip() for line in traceback.format_tb(current.__traceback__)]
        current = current.__cause__ or current.__context__
    return "\n".join(parts)
