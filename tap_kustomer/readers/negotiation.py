"""Finds the form of a request that Kustomer takes: the best one that it does not refuse.

Where the documentation leaves a form open there are several, the best first. One odd answer
decides nothing: the next form is asked for only after the one before was refused twice in the
same way. The state remembers which form worked, and no later run is content with a weaker one: it
would miss rows in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tap_kustomer.errors import (
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    StreamError,
    UnavailableError,
    UntrustedAnswerError,
)

__all__ = ["REFUSALS", "Form", "settle"]

logger = logging.getLogger("tap-kustomer.search")

Q = TypeVar("Q")
A = TypeVar("A")

# What says that a form is not supported. Whatever may pass says nothing about the form.
REFUSALS = (RequestRefusedError, NotFoundError, UntrustedAnswerError, MissingRoleError)
_MOST_QUESTIONS = 4  # for one form, when each answer differs from the one before


@dataclass(frozen=True)
class Form(Generic[Q]):
    """One form of a request.

    ``name`` is what the state remembers. Forms of equal ``rank`` bring the same rows, a higher
    one is weaker. ``instead_of`` names the form that this one is a part of: only when Kustomer
    refused that as a request may a part of it be taken.
    """

    name: str
    query: Q
    rank: int = 0
    endpoint: str = "search"
    instead_of: str | None = None


def settle(
    stream: str,
    forms: Sequence[Form[Q]],
    ask: Callable[[Form[Q]], A],
    *,
    remembered: object = None,
    pause: Callable[[], None] = lambda: None,
) -> tuple[Form[Q], A]:
    """Return the best of ``forms`` that ``ask`` can be answered in, and the answer.

    ``remembered`` is the name of the form that worked before: it is asked for first, and no
    weaker one at all. ``pause`` is called before a form is asked for once more.

    Raises: what ``ask`` raises, the first refusal when all forms are refused; ``StreamError``
    when only weaker forms than the remembered one are left.
    """
    due = _not_weaker(forms, remembered)
    refusals: dict[str, StreamError] = {}
    for form in due:
        if not _is_worth_asking(form, forms, refusals):
            continue
        try:
            return form, _answer(form, ask, pause)
        except REFUSALS as error:
            refusals[form.name] = error
            # Which form an org takes is no news to its users, and no error.
            logger.debug("%s: %s is not taken here: %s", stream, form.name, error)
    refused = next(iter(refusals.values()))
    if len(due) == len(forms) or isinstance(refused, (MissingRoleError, NotFoundError)):
        raise refused
    msg = (
        f"{stream}: Kustomer no longer takes the request by which this stream was read before "
        f"({remembered}): {refused} The stream fails, since any other request would miss rows. If "
        "this stays so, start the stream without its state and load it into a new table."
    )
    raise StreamError(msg)


def _not_weaker(forms: Sequence[Form[Q]], remembered: object) -> list[Form[Q]]:
    """Return the forms that a run may use, the one that worked before first."""
    known = next((form for form in forms if form.name == remembered), None)
    if known is None:
        return list(forms)
    return [known, *(form for form in forms if form.rank <= known.rank and form is not known)]


def _is_worth_asking(
    form: Form[Q],
    forms: Sequence[Form[Q]],
    refusals: dict[str, StreamError],
) -> bool:
    """Whether the refusals so far leave it open that ``form`` works, and allow to take it."""
    for other in forms:
        error = refusals.get(other.name)
        if error is None:
            continue
        if other.endpoint == form.endpoint and isinstance(error, (MissingRoleError, NotFoundError)):
            return False  # it was the endpoint that was refused, not the form
        if isinstance(error, RequestRefusedError) and not error.is_about_form:
            return False  # nor was it the form
        if other.name == form.instead_of and not isinstance(error, RequestRefusedError):
            return False
    return True


def _answer(form: Form[Q], ask: Callable[[Form[Q]], A], pause: Callable[[], None]) -> A:
    """Return the answer to ``form``. Raises a refusal once it is certain; what ``ask`` raises."""
    before: StreamError | None = None
    for _ in range(_MOST_QUESTIONS):
        if before is not None:
            pause()
        try:
            return ask(form)
        except REFUSALS as error:
            if error.confirmed or (before is not None and _are_same(error, before)):
                raise
            before = error
    msg = (
        f"Kustomer's answers to {form.name} differ from one to the next, so none of them counts. "
        "Run again later."
    )
    raise UnavailableError(msg) from before


def _are_same(one: StreamError, other: StreamError) -> bool:
    return type(one) is type(other) and str(one) == str(other)
