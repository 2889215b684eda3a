"""Assumptions about the host, the key, the budgets and the form of every answer."""

from __future__ import annotations

from tap_kustomer.ledger.ledger import Assumption

__all__ = ["OF_ANSWERS"]

OF_ANSWERS = (
    Assumption(
        "pod",
        "every answer names the pod in `x-kustomer-pod`, one of prod1, prod2 and prod4",
        "the header",
        "nothing depends on it; the key goes to the configured host only",
        ("client/noted.py",),
    ),
    Assumption(
        "pod-mismatch",
        "a key of another region is refused with the words `associated with pod`",
        "the refusal of the first request",
        "the refusal is read by its status: the key counts as rejected",
        ("client/responses.py",),
        unseen="a key that is refused ends the check with a sentence",
    ),
    Assumption(
        "date-header",
        "every answer carries `Date`",
        "the header",
        "the machine's clock decides what `now` is",
        ("client/transport.py",),
    ),
    Assumption(
        "error-form",
        "a refusal is JSON with `errors`",
        "the body of a 4xx",
        "it counts as an answer of something else than Kustomer, so streams fail by it",
        ("client/responses.py",),
        report=True,
    ),
    Assumption(
        "own-roles",
        "`GET /v1/users/current` or `/v1/auth/tokens/current` lists the key's roles",
        "the attribute `roles`",
        "requests are made all the same, and a refusal decides",
        ("catalog/discovery.py",),
    ),
    Assumption(
        "role-table",
        "the roles that the page on streams names, or one above them, open a stream",
        "the key's own roles, beside what it may read",
        "Kustomer's answer decides; the sentence may name the wrong role",
        ("org.py", "sync.py", "cli/check.py"),
    ),
    Assumption(
        "role-in-refusal",
        "a 403 does not name the missing role",
        "the body of a 403",
        "the role of our own table is named",
        ("client/responses.py",),
    ),
    Assumption(
        "rate-headers",
        "responses carry `x-ratelimit-limit` and `x-ratelimit-remaining`",
        "the headers",
        "300 requests a minute count as the org's budget, that of the smallest plan",
        ("client/rate_limit.py",),
    ),
    Assumption(
        "search-rate-headers",
        "those of a search speak of the org's budget, not of the searches'",
        "the limit on a search beside that on other answers",
        "a limit as small as the search budget counts as that",
        ("client/rate_limit.py",),
    ),
    Assumption(
        "rate-reset",
        "`x-ratelimit-reset` is in Unix seconds, and there only once a budget is used up",
        "the header",
        "milliseconds and numbers of seconds to wait are understood, too",
        ("client/responses.py",),
    ),
    Assumption(
        "retry-after",
        "a 429 has no `Retry-After`",
        "the header of a 429, if there is one",
        "it counts before any other header",
        ("client/responses.py",),
    ),
    Assumption(
        "search-budget",
        "100 searches a minute are the org's, those of the archive among them",
        "429s although the tap stays below its share",
        "a 429 waits for the reset; lower `search_requests_per_minute`",
        ("client/rate_limit.py",),
        unseen="it shows only when the budget is used up, which a check must not do",
    ),
    Assumption(
        "webhook-timeout",
        "Kustomer waits ten seconds for the answer to a webhook",
        "events that come again",
        "an event is known by its id, so it counts once",
        ("webhooks/receiver.py",),
        unseen="the tap only reads; nothing is sent to it by a check",
    ),
    Assumption(
        "writes",
        "how Kustomer answers to deletes and what it deletes with them",
        "nothing that is read",
        "nothing: the tap never writes",
        ("streams/deletions.py",),
        unseen="the tap never writes",
    ),
    Assumption(
        "never-sent",
        "what Kustomer makes of requests that the tap never sends",
        "nothing",
        "nothing depends on it; the simulator refuses them",
        ("readers/search/query.py",),
        unseen="no request of the tap has these forms",
    ),
)
