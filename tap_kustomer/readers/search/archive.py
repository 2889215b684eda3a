"""The archive search: in which form it takes a query."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from tap_kustomer.errors import StreamError, UnavailableError
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.search.page import SearchPage
from tap_kustomer.readers.search.query import SearchQuery

__all__ = ["settle_archive"]

logger = logging.getLogger("tap-kustomer.search")

_NO_DELETED = ", no deleted rows"  # how the state names a form without ``includeDeleted``


def settle_archive(
    query: SearchQuery,
    ask: Callable[[SearchQuery], SearchPage],
    *,
    ledger: Ledger,
    remembered: object,
    pause: Callable[[], None],
) -> tuple[Form[SearchQuery], SearchPage]:
    """Return the first form of ``query`` that the archive search takes, and its first page.

    Raises: ``StreamError`` that says how to go without the archive.
    """
    try:
        form, first = settle(
            query.stream,
            _forms(query),
            lambda form: ask(form.query),
            remembered=remembered,
            pause=pause,
        )
    except StreamError as error:
        if isinstance(error, UnavailableError):
            raise
        msg = (
            f"{query.stream}: the archive search cannot be read, so rows that were last "
            f"updated over two years ago would be missing. ({error}) Set `include_archived` "
            "to false, or `start_date` to less than two years ago, to go without them."
        )
        raise StreamError(msg) from None
    if query.context.startswith("kobject_"):
        same = form.query.attribute == query.attribute
        how = "it takes the other attribute"
        ledger.judge("archive-klass-attribute", holds=same, how=how, place=query.stream)
    if form.query.include_deleted != query.include_deleted:
        ledger.differs("include-deleted", "the archive refuses it", query.stream)
        logger.warning("%s: the archive search returns no deleted rows in this org.", query.stream)
    return form, first


def _forms(query: SearchQuery) -> list[Form[SearchQuery]]:
    """Return the forms of a query that the archive search may take, the likeliest first."""
    queries = [replace(query, archive=True)]
    if query.context.startswith("kobject_"):
        # UNCONFIRMED (archive-klass-attribute) which of the two the archive takes; it need not be
        # the same as above.
        queries += [
            replace(
                queries[0],
                attribute=f"{prefix}_updated_at",
                created_attribute=f"{prefix}_created_at",
            )
            for prefix in ("kobject", query.context)
        ]
    if not query.include_deleted:
        return [Form(f"{one.attribute}{_NO_DELETED}", one) for one in dict.fromkeys(queries)]
    forms = [Form(one.attribute, one) for one in dict.fromkeys(queries)]
    parts = [
        Form(
            f"{form.name}{_NO_DELETED}",
            replace(form.query, include_deleted=False),
            rank=1,
            instead_of=form.name,
        )
        for form in forms
    ]
    return [*forms, *parts]
