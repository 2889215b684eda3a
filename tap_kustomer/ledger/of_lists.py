"""Assumptions about lists, metadata, the audit log and objects by id."""

from __future__ import annotations

from tap_kustomer.ledger.ledger import Assumption

__all__ = ["OF_LISTS"]

OF_LISTS = (
    Assumption(
        "lists-exist",
        "every list that the tap reads is part of the org",
        "a 404 to its first page",
        "the stream has no rows, which a warning says; one that was read before fails",
        ("sync.py", "cli/check.py", "streams/list_objects.py"),
    ),
    Assumption(
        "list-paths",
        "queues are at `/v1/routing/queues`",
        "a 404 of it",
        "the next known path is tried",
        ("readers/lists.py",),
    ),
    Assumption(
        "list-links",
        "lists link their next page in `links.next`",
        "`links`",
        "pages are counted until one is short, twice",
        ("readers/steps.py", "readers/list_page.py"),
    ),
    Assumption(
        "list-page-size",
        "lists give 100 rows a page",
        "`meta.pageSize`",
        "the size that is given counts",
        ("readers/steps.py",),
    ),
    Assumption(
        "list-totals",
        "lists do not say how many rows they have",
        "`meta.total`",
        "a total has to be reached before a list is complete",
        ("readers/lists.py",),
    ),
    Assumption(
        "list-numbers",
        "numbers in `meta` are numbers",
        "`meta`",
        "numbers as text are understood",
        ("readers/list_page.py",),
    ),
    Assumption(
        "list-included",
        "`included` is an array",
        "`included`",
        "a single object is understood",
        ("readers/list_page.py",),
    ),
    Assumption(
        "list-depth",
        "lists do not end before their last row, not at 10,000 either",
        "a page behind the 10,000th row of customers, where there are so many",
        "a list of exactly 10,000 rows is incomplete, so its stream fails",
        ("readers/lists.py",),
        report=True,
    ),
    Assumption(
        "lists-hide-deleted",
        "lists that have no switch for it show no deleted rows",
        "a row with `deleted` in such a list",
        "it is written as it comes, marked as deleted",
        ("streams/lists.py",),
    ),
    Assumption(
        "deleted-switch",
        "users, teams, tags and shortcuts take `deleted`",
        "the answer to it",
        "the list is read without, which a warning says",
        ("streams/switched_lists.py", "streams/list_objects.py"),
    ),
    Assumption(
        "sub-status-resource",
        "`/v1/sub-statuses` and `/v1/snoozes` take `resource`",
        "the answer to it",
        "the list is read without",
        ("streams/switched_lists.py", "streams/list_objects.py"),
    ),
    Assumption(
        "users-default",
        "`GET /v1/users` without `deleted` gives active users only",
        "deactivated ones in it",
        "nothing changes: both kinds are always asked for",
        ("streams/list_objects.py",),
    ),
    Assumption(
        "metadata-served",
        "metadata of customers, conversations, messages and companies can be read",
        "the answer to it",
        "types follow from the names of custom attributes",
        ("catalog/discovery.py",),
    ),
    Assumption(
        "metadata-of-others",
        "that of notes cannot",
        "the answer to it",
        "it is used where it is there",
        ("catalog/discovery.py",),
    ),
    Assumption(
        "audit-without-type",
        "the audit log is shown without `filter[objectType]`",
        "the answer to it",
        "it is read once for each type of object",
        ("streams/deletions.py",),
    ),
    Assumption(
        "audit-end",
        "the last page of the audit log has no `links.next`",
        "its last page",
        "an empty page behind it is asked for again before it counts",
        ("readers/cursor.py",),
        unseen="a check does not read the log to its end",
    ),
    Assumption(
        "audit-klass",
        "the audit log names the klass of a custom object in `eventName`",
        "an entry about one",
        "the deletion is written, but stays unconfirmed",
        ("streams/deletions.py",),
    ),
    Assumption(
        "several-ids",
        "customers can be asked for by several ids in one request",
        "the answer to two of them",
        "ids are asked for one by one",
        ("readers/existence.py",),
    ),
    Assumption(
        "several-ids-most",
        "a hundred ids at once are all looked at",
        "the answer to so many",
        "two known ids at the ends show whether all were looked at; else fewer are asked for",
        ("readers/existence.py",),
    ),
    Assumption(
        "several-ids-absent",
        "for ids of which none exists the answer is an empty array",
        "the answer to two made-up ids",
        "an answer counts only beside objects that exist",
        ("readers/existence.py",),
    ),
)
