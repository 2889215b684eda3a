"""What one answer of Kustomer means: by its status, its headers and its words."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from requests import Response

from tap_kustomer import errors
from tap_kustomer.client.responses import (
    complaints,
    header_epoch,
    is_final,
    may_pass,
    refusal,
    seconds_to_wait,
)

NOW = 1_000_000_000.0  # Unix seconds: 9 September 2001, 01:46:40 UTC
OWN = {"errors": [{"code": "odd", "source": {"parameter": "page"}}]}


def answer(status: int, content: Any = b"", **headers: str) -> Response:
    """Return an answer; ``content`` that is no text or bytes is sent as JSON."""
    response = Response()
    response.status_code = status
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    response.raw = io.BytesIO(raw)
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize(
    ("status", "passes"),
    [
        *((status, True) for status in (100, 199, 201, 204, 226, 304, 308 + 1, 399)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504, 599, 999)),
        *((status, False) for status in (300, 301, 302, 303, 305, 306, 307, 308)),
        *((status, False) for status in (400, 401, 403, 404, 409, 410, 413, 422, 451, 499)),
    ],
)
def test_a_status_may_pass_unless_it_is_a_redirect_or_speaks_of_the_request(
    status: int, *, passes: bool
) -> None:
    """Each range to its borders: what is no refusal is asked for again."""
    assert may_pass(answer(status)) is passes


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 306, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    """The sentence says what to set."""
    assert not is_final(answer(status))
    error = refusal(answer(status, OWN), "/v1/tags")
    assert isinstance(error, errors.CredentialsError)
    assert f"/v1/tags (status {status})" in str(error)
    assert "api_url" in str(error)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_key_of_another_region_is_told_by_its_words_whatever_the_status(status: int) -> None:
    """From 400 on; a row of a good answer may hold the same words."""
    words = b'{"errors": [{"title": "key is associated with pod prod2"}]}'
    assert is_final(answer(status, words))
    assert "another region" in str(refusal(answer(status, words), "/v1/tags"))
    assert not is_final(answer(status, OWN))
    for good in (200, 399):
        assert not is_final(answer(good, words))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, errors.CredentialsError, "rejected the API key (status 401) on /v1/tags"),
        (403, errors.MissingRoleError, "may not read /v1/tags (status 403)"),
        (404, errors.NotFoundError, "no /v1/tags on this host (status 404)"),
        (400, errors.RequestRefusedError, "rejected the request to /v1/tags (status 400)"),
        (409, errors.RequestRefusedError, "rejected the request to /v1/tags (status 409)"),
    ],
)
def test_a_refusal_in_kustomers_form_says_what_is_refused(
    status: int, error: type[Exception], words: str
) -> None:
    """In any other form only a 401 counts: nothing else could have the key to refuse."""
    own = refusal(answer(status, OWN), "/v1/tags")
    assert type(own) is error
    assert words in str(own)
    others: list[Any] = [
        {"errors": []},
        {"errors": ["no"]},
        {"errors": {}},
        [1],
        b"<",
        b"[" * 9_999,
    ]
    for other in others:
        foreign = refusal(answer(status, other), "/v1/tags")
        if status == 401:
            assert type(foreign) is errors.CredentialsError
        else:
            assert type(foreign) is errors.ForeignAnswerError
            assert f"/v1/tags with status {status}" in str(foreign)


def test_a_404_that_complains_of_the_path_is_no_missing_record() -> None:
    """The same complaint of another status says nothing of an endpoint."""
    about_path = {"errors": [{"code": "a"}, {"code": "b", "source": {"parameter": "path"}}]}
    assert type(refusal(answer(404, about_path), "/x")) is errors.UnknownEndpointError
    assert type(refusal(answer(403, about_path), "/x")) is errors.MissingRoleError
    assert type(refusal(answer(400, about_path), "/x")) is errors.RequestRefusedError


@pytest.mark.parametrize(
    ("status", "is_about_form"),
    [(400, True), (405, True), (410, True), (422, True), (402, False), (409, False), (451, False)],
)
def test_only_some_refusals_are_about_the_form(status: int, *, is_about_form: bool) -> None:
    """For a conflict or a plan that ended, less must not be asked for."""
    error = refusal(answer(status, OWN), "/x")
    assert isinstance(error, errors.RequestRefusedError)
    assert error.is_about_form is is_about_form


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([{"code": "a", "source": {"parameter": "p"}}], {("a", "p")}),
        ([{"code": "a", "source": {"pointer": "/p"}}], {("a", "/p")}),
        ([{"code": "a", "meta": {"parameter": "p"}}], {("a", "p")}),
        ([{"code": "a", "source": {}, "meta": {"pointer": "p"}}], {("a", "p")}),
        ([{"code": "a", "source": "p", "meta": {"parameter": 3}}], {("a", "")}),
        ([{"code": 7}, {"code": "b", "source": {"parameter": "q"}}], {("7", ""), ("b", "q")}),
        ([{}], {("None", "")}),
        ([{"code": "a"}, "b"], None),
    ],
)
def test_a_refusal_is_known_by_what_it_complains_of(told: Any, found: Any) -> None:
    """Code and parameter or pointer of each error, in either shape; not its free text."""
    assert complaints(answer(400, {"errors": told})) == (found and frozenset(found))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"retry-after": "-7"}, 0),
        ({"retry-after": "899"}, 899),
        ({"retry-after": "9000"}, 900),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:22 GMT"}, 42),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:22 GMT"}, 0),
        ({"retry-after": "Sun, 09 Sep 2001 01:47:22 -0000"}, 42),
        ({"retry-after": "soon", "x-ratelimit-reset": "9"}, 9),
        ({"retry-after": "nan", "x-ratelimit-reset": "9"}, 9),
        ({"retry-after": "4", "x-ratelimit-reset": "9"}, 4),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"x-ratelimit-reset": "-1"}, 0),
        ({"x-ratelimit-reset": "64"}, 64),
        ({"x-ratelimit-reset": "999999"}, 65),  # a number of seconds, cut
        ({"x-ratelimit-reset": "1000000"}, 0),  # Unix seconds from here on: it has passed
        ({"x-ratelimit-reset": "1000000042"}, 42),
        ({"x-ratelimit-reset": "1000000042.5"}, 42.5),
        ({"x-ratelimit-reset": "1000009999"}, 65),
        ({"x-ratelimit-reset": "999999999999"}, 65),  # still seconds, thousands of years ahead
        ({"x-ratelimit-reset": "1000000000000"}, 0),  # milliseconds from here on
        ({"x-ratelimit-reset": "1000000042000"}, 42),
    ],
)
def test_a_wait_is_read_in_each_form_and_kept_within_its_bound(
    headers: dict[str, str], seconds: float | None
) -> None:
    """A quarter of an hour for `Retry-After`, a window for a reset; none is negative."""
    found = seconds_to_wait(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("value", "epoch"),
    [
        ("Sun, 09 Sep 2001 01:46:40 GMT", NOW),
        ("Sun, 09 Sep 2001 01:46:40 -0000", NOW),
        ("Sun, 09 Sep 2001 03:46:40 +0200", NOW),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_unix_seconds(value: str | None, epoch: float | None) -> None:
    """Whatever zone it names; no date is none."""
    assert header_epoch(value) == epoch
