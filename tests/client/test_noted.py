"""What answers tell of what is assumed is noted, and nothing that they do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tap_kustomer.client.noted import note_headers, note_refusal, note_too_many
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Column, Ledger
from tests.client.test_answers import answer

GOOD = {
    "x-kustomer-pod": "prod1",
    "date": "Sun, 09 Sep 2001 01:46:40 GMT",
    "x-ratelimit-limit": "300",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1000000000",
}
HOLDS: tuple[Column, list[str]] = (Column.AS_ASSUMED, [])


def seen(ledger: Ledger) -> dict[str, tuple[Column, list[str]]]:
    """Return what was seen, and how it differs."""
    found = {id_: (one.column, one.how) for id_, one in ledger.findings.items()}
    return {id_: one for id_, one in found.items() if one[0] is not Column.NOT_SEEN}


def of_headers(changed: Mapping[str, str | None] = GOOD, *, is_search: bool = False) -> Any:
    """Return what is noted of the headers that an answer has, some changed or left out."""
    ledger = Ledger(ASSUMPTIONS)
    told = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    note_headers(ledger, told, is_search=is_search)
    return seen(ledger)


def test_headers_as_assumed_are_noted_as_such() -> None:
    """On a search, those of the org's budget are not expected."""
    known = {"pod": HOLDS, "date-header": HOLDS, "rate-headers": HOLDS, "rate-reset": HOLDS}
    assert of_headers() == known
    del known["rate-headers"]
    assert of_headers(is_search=True) == known
    assert of_headers({"x-ratelimit-limit": None}, is_search=True) == known


@pytest.mark.parametrize("pod", ["prod1", "prod2", "prod4"])
def test_each_known_pod_is_as_assumed(pod: str) -> None:
    """One of each region."""
    assert of_headers({"x-kustomer-pod": pod})["pod"] == HOLDS


@pytest.mark.parametrize(
    ("changed", "id_", "how"),
    [
        ({"x-kustomer-pod": None}, "pod", "no header"),
        ({"x-kustomer-pod": "prod9"}, "pod", "another name"),
        ({"date": None}, "date-header", "no `Date`"),
        ({"x-ratelimit-limit": None}, "rate-headers", "no `x-ratelimit-limit`"),
        ({"x-ratelimit-remaining": None}, "rate-headers", "no `x-ratelimit-limit`"),
        ({"x-ratelimit-remaining": "7"}, "rate-reset", "the budget is not used up"),
        ({"x-ratelimit-reset": "soon"}, "rate-reset", "it is in no number"),
        ({"x-ratelimit-reset": "42"}, "rate-reset", "it is in seconds to wait"),
        ({"x-ratelimit-reset": "999999"}, "rate-reset", "it is in seconds to wait"),
        ({"x-ratelimit-reset": "1000000000000"}, "rate-reset", "it is in milliseconds"),
    ],
)
def test_headers_that_differ_are_noted_with_how(
    changed: dict[str, str | None], id_: str, how: str
) -> None:
    """Each by itself: the others stay as assumed."""
    found = of_headers(changed)
    assert how in found[id_][1][0]
    assert all(one == HOLDS for other, one in found.items() if other != id_)


@pytest.mark.parametrize("reset", ["1000000", "999999999999"])
def test_unix_seconds_are_told_by_their_size(reset: str) -> None:
    """From a million on, where nobody would wait so many seconds, to a million millions."""
    assert of_headers({"x-ratelimit-reset": reset})["rate-reset"] == HOLDS


def test_no_reset_says_nothing_of_its_form() -> None:
    """It is only sent once the budget is used up."""
    none = {"x-ratelimit-reset": None, "x-ratelimit-remaining": "7"}
    assert "rate-reset" not in of_headers(none)
    assert of_headers({"x-ratelimit-remaining": None})["rate-reset"] == HOLDS


def test_a_retry_after_on_a_refusal_is_noted() -> None:
    """The documentation names none."""
    for headers, column in (({}, Column.AS_ASSUMED), ({"retry-after": "4"}, Column.HANDLED)):
        ledger = Ledger(ASSUMPTIONS)
        note_too_many(ledger, headers)
        assert seen(ledger)["retry-after"][0] is column


OWN = {"errors": [{"code": "odd"}]}
ROLE = {"errors": [{"title": "needs org.permission.tag.read"}]}


@pytest.mark.parametrize(
    ("status", "content", "noted"),
    [
        (400, OWN, {"error-form": HOLDS}),
        (499, OWN, {"error-form": HOLDS}),
        (399, OWN, {}),
        (500, OWN, {}),
        (404, ROLE, {"error-form": HOLDS}),
        (403, OWN, {"error-form": HOLDS, "role-in-refusal": HOLDS}),
    ],
)
def test_the_form_of_a_refusal_is_noted(status: int, content: Any, noted: Any) -> None:
    """Of client errors only: what a server that fails says has no form."""
    ledger = Ledger(ASSUMPTIONS)
    note_refusal(ledger, answer(status, content, content_type="application/json"))
    assert seen(ledger) == noted


def test_a_403_that_names_a_role_is_noted() -> None:
    """Then the sentence could name it."""
    ledger = Ledger(ASSUMPTIONS)
    note_refusal(ledger, answer(403, ROLE, content_type="application/json"))
    assert seen(ledger)["role-in-refusal"][1] == ["a 403 names a role"]


def test_json_without_errors_differs_and_a_page_of_a_proxy_says_nothing() -> None:
    """Only the first can be Kustomer's."""
    for content_type, noted in (("application/vnd.api+json", ["error-form"]), ("text/html", [])):
        ledger = Ledger(ASSUMPTIONS)
        note_refusal(ledger, answer(404, {"message": "no"}, content_type=content_type))
        assert list(seen(ledger)) == noted
