"""The way out, over answers that are given: what is sent, how often it is tried, how it ends."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import pytest
from requests import PreparedRequest, Response, exceptions
from requests.adapters import BaseAdapter
from singer_sdk.exceptions import ConfigValidationError

from simulator import Simulator
from tap_kustomer.client import transport
from tap_kustomer.client.auth import KustomerAuthenticator
from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import (
    CredentialsError,
    ForeignAnswerError,
    KustomerError,
    MissingRoleError,
    NotFoundError,
    PageFailedError,
    UnavailableError,
    UntrustedAnswerError,
)
from tap_kustomer.run import StreamRun
from tests.client.test_answers import answer
from tests.client.test_turns import FakeClock

URL = "https://acme.api.kustomerapp.com"
OK: dict[str, Any] = {"data": []}
REFUSAL = {"errors": [{"code": "no"}]}
MOST_REQUESTS = 300
ANSWER_TIME = 0.001  # seconds: without any, the end of the patience might never come
ENOUGH, BUG = KustomerError("enough."), KeyError("id")
LOST = exceptions.ConnectionError("Connection refused")

Step = Response | Exception


class Wire(BaseAdapter):
    """Gives the answers in turn, the last again and again; keeps what was sent."""

    def __init__(self, clock: FakeClock) -> None:
        """Answer everything with no rows."""
        super().__init__()
        self.clock = clock
        self.steps: list[Callable[[], Step]] = [lambda: answer(200, OK)]
        self.sent: list[PreparedRequest] = []
        self.options: list[dict[str, Any]] = []
        self.times: list[float] = []

    def gives(self, *steps: Any) -> Wire:
        """Answer so: a status, an error, or an answer with its arguments."""
        self.steps = [self._step(one) for one in steps]
        return self

    @staticmethod
    def _step(one: Any) -> Callable[[], Step]:
        if isinstance(one, Exception):
            return lambda: one
        status, content, headers = (*one, {})[:3] if isinstance(one, tuple) else (one, OK, {})
        return lambda: answer(status, content, **headers)

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        """Answer."""
        self.sent.append(request)
        assert len(self.sent) < MOST_REQUESTS, "no end"
        self.options.append(options)
        self.times.append(self.clock.time)
        self.clock.time += ANSWER_TIME
        found = (self.steps.pop(0) if len(self.steps) > 1 else self.steps[0])()
        if isinstance(found, Exception):
            raise found
        found.url, found.request = request.url or "", request
        return found

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands."""
    return FakeClock()


@pytest.fixture
def wire(clock: FakeClock) -> Wire:
    """What answers."""
    return Wire(clock)


@pytest.fixture
def open_client(
    wire: Wire, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., KustomerClient]:
    """Return what makes a client whose requests ``wire`` answers."""
    monkeypatch.setattr(transport, "Adapter", lambda **_options: wire)

    def opened(url: str = URL, **options: Any) -> KustomerClient:
        return KustomerClient(
            api_url=url,
            authenticator=KustomerAuthenticator(token="secret", origin=url),  # noqa: S106 - none
            limiter=RateLimiter(clock, org_per_minute=100_000, search_per_minute=100_000),
            clock=clock,
            user_agent="tap-kustomer/1",
            **{"timeout": 42.0, "max_elapsed": 300.0, "connections": 3, **options},
        )

    return opened


@pytest.fixture
def client(open_client: Callable[..., KustomerClient]) -> KustomerClient:
    """A client of an https host."""
    return open_client()


def fetch(client: KustomerClient, path: str = "/v1/tags", **options: Any) -> Any:
    """Fetch a path."""
    return client.fetch(Request(path), json.loads, **options)


# ---------------------------------------------------------------- what is sent


def test_a_request_has_its_address_its_key_and_no_body(client: KustomerClient, wire: Wire) -> None:
    """A list is a GET."""
    request = Request("/v1/tags", {"page": 2})
    assert client.fetch(request, json.loads) == OK
    sent = wire.sent[0]
    assert (sent.method, sent.url, sent.body) == ("GET", f"{URL}/v1/tags?page=2", None)
    assert sent.headers["Authorization"] == "Bearer secret"
    assert sent.headers["User-Agent"] == "tap-kustomer/1"
    assert sent.headers["Accept"] == "application/json"
    assert "Content-Type" not in sent.headers


def test_a_search_is_sent_as_json(client: KustomerClient, wire: Wire) -> None:
    """Also an empty one."""
    for body in ({"and": [1]}, {}):
        client.fetch(Request("/v1/customers/search", body=body), json.loads)
        sent = wire.sent[-1]
        assert (sent.method, json.loads(sent.body or "")) == ("POST", body)
        assert sent.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("timeout", "connect"), [(42.0, 20.0), (5.0, 5.0)])
def test_connecting_takes_twenty_seconds_at_most(
    open_client: Callable[..., KustomerClient], wire: Wire, timeout: float, connect: float
) -> None:
    """`request_timeout` is for the answer, and for the connection where it is less."""
    fetch(open_client(timeout=timeout))
    assert wire.options[0]["timeout"] == (connect, timeout)


def test_connections_are_kept_as_many_as_there_are_threads() -> None:
    """Each new one costs a handshake."""
    session = transport._session(Unused(), "tap-kustomer/1", 3)  # type: ignore[arg-type]  # noqa: SLF001
    pools = session.get_adapter(URL).poolmanager  # type: ignore[attr-defined]

    kept = pools.connection_from_url(URL)
    assert pools.connection_from_url(URL) is kept
    assert kept.pool.maxsize == 3


def test_connections_end_with_the_session(sim: Simulator) -> None:
    """Not when some day garbage is collected: a host that embeds the tap goes on for months."""
    session = transport._session(None, "tap-kustomer/1", 3)  # type: ignore[arg-type]  # noqa: SLF001
    assert session.get(f"{sim.url}/v1/tags", timeout=10).status_code == 401
    pools = session.get_adapter(sim.url).poolmanager.pools  # type: ignore[attr-defined]
    [host] = pools.keys()
    connection = pools[host].pool.get_nowait()
    pools[host].pool.put_nowait(connection)
    socket = connection.sock
    session.close()

    assert socket.fileno() == -1


class Unused:
    """Stands where nobody asks for it."""


def test_no_redirect_is_followed_and_no_cookie_kept(client: KustomerClient, wire: Wire) -> None:
    """The key would go where the answer leads."""
    wire.gives((200, OK, {"set_cookie": "a=b; Path=/"}), (302, b"", {"location": f"{URL}/v1/x"}))
    fetch(client)
    with pytest.raises(CredentialsError, match=r"redirected /v1/tags \(status 302\)"):
        fetch(client)
    assert len(wire.sent) == 3
    assert "Cookie" not in wire.sent[1].headers


@pytest.mark.parametrize("place", ["http://[x", "//[", "https://a:port/", "", "\u00ff\u0000"])
def test_where_a_redirect_leads_is_not_even_read(
    client: KustomerClient, wire: Wire, place: str
) -> None:
    """A malformed place is no error of its own."""
    wire.gives((302, b"", {"location": place}))
    with pytest.raises(CredentialsError, match=r"redirected /v1/tags \(status 302\)"):
        fetch(client)


def test_a_redirect_that_was_one_odd_answer_decides_nothing(
    client: KustomerClient, wire: Wire
) -> None:
    """It would end the whole run; the same address is asked again, and no other."""
    wire.gives((302, b"", {"location": "https://elsewhere.example/"}), (200, OK))
    assert fetch(client) == OK
    assert [sent.url for sent in wire.sent] == [f"{URL}/v1/tags"] * 2


def test_a_proxy_of_the_environment_is_used_for_https_only(
    open_client: Callable[..., KustomerClient], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In plain http it would read the key."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.com:8080")
    for url, proxies in ((URL, True), ("http://127.0.0.1:9", False)):
        fetch(open_client(url))
        assert bool(wire.options[-1]["proxies"]) is proxies


def test_a_large_body_is_read_in_large_pieces(client: KustomerClient, wire: Wire) -> None:
    """Those of the library, of ten kilobytes, cost twice as much processor time."""
    reads: list[int] = []

    class Body(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(size)
            reads.append(len(piece))
            return piece

    large = answer(200)
    large.raw = Body(json.dumps({"data": ["x" * 1_000_000]}).encode())
    wire.steps = [lambda: large]
    assert len(fetch(client)["data"][0]) == 1_000_000
    assert max(reads) <= 100_000
    assert len(reads) <= 20


def test_each_stream_counts_what_it_sent_and_the_tries_too(
    client: KustomerClient, wire: Wire
) -> None:
    """Of one client, as streams overlap; they share what is known of the host."""
    one, other = StreamRun("tags"), StreamRun("teams")
    wire.gives(500, 200)
    fetch(client.counting(one))
    fetch(client.counting(other))
    fetch(client)
    assert (one.requests, other.requests) == (2, 1)


def test_a_gate_holds_a_request_back(client: KustomerClient, wire: Wire) -> None:
    """It sees each try, before it is sent."""
    asked: list[str] = []

    def gate(request: Request) -> None:
        asked.append(request.path)
        if len(asked) > 2:
            raise ENOUGH

    client.gates.append(gate)
    wire.gives(500, 200)
    fetch(client)
    with pytest.raises(KustomerError, match="enough"):
        fetch(client)
    assert len(asked) == 3
    assert len(wire.sent) == 2


def test_watchers_see_every_answer(client: KustomerClient, wire: Wire) -> None:
    """Also those that fail."""
    seen: list[tuple[str, int]] = []
    client.watchers.append(lambda request, told: seen.append((request.path, told.status_code)))
    wire.gives(500, 200)
    fetch(client)
    assert seen == [("/v1/tags", 500), ("/v1/tags", 200)]


def test_answers_tell_the_time_the_budget_and_what_is_assumed(
    client: KustomerClient, wire: Wire
) -> None:
    """Of every status; searches are not expected to show the org's budget."""
    date = {"date": "Sun, 09 Sep 2001 01:46:40 GMT"}
    limit = {"x_ratelimit_limit": "50000", "x_ratelimit_remaining": "49000"}
    wire.gives((200, OK, {**date, **limit}))
    client.fetch(Request("/x", budget=Budget.SEARCH), json.loads)
    assert client.server_time.now() == pytest.approx(1e9, abs=1)
    assert client.ledger.differences == ["pod"]
    wire.gives((200, OK, date))
    client.fetch(Request("/x", budget=Budget.SEARCH), json.loads)
    assert client.ledger.differences == ["pod"]
    fetch(client)
    assert set(client.ledger.differences) == {"pod", "rate-headers"}


def test_a_next_link_keeps_the_budget_and_drops_what_was_asked(client: KustomerClient) -> None:
    """The link has all of it."""
    first = Request("/v1/x", {"page": 1}, budget=Budget.SEARCH)
    assert client.next_request(first, "/v1/x?page=2") == Request(
        "/v1/x?page=2", budget=Budget.SEARCH
    )
    assert client.next_request(first, "/v1/y").path == "/v1/y"
    for link in ("https://elsewhere.example/v1/x", "http://[::1/v1/x"):
        with pytest.raises(UntrustedAnswerError, match="/v1/x links its next page to another host"):
            client.next_request(first, link)


# ---------------------------------------------------------------- tries


@pytest.mark.parametrize(
    "first",
    [
        500,
        503,
        (200, b"<html>"),
        204,
        (404, REFUSAL),
        (403, b"<html>"),
        exceptions.ReadTimeout("x"),
        LOST,
        (429, b"", {"retry_after": "3"}),
    ],
    ids=str,
)
def test_one_odd_answer_costs_another_try(client: KustomerClient, wire: Wire, first: Any) -> None:
    """Whatever it is."""
    wire.gives(first, 200)
    assert fetch(client) == OK
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFoundError), (403, MissingRoleError), (401, CredentialsError)]
)
def test_a_refusal_is_raised_once_it_was_given_twice(
    client: KustomerClient, wire: Wire, status: int, error: type[Exception]
) -> None:
    """Without a word to the user in between."""
    wire.gives((status, REFUSAL))
    with pytest.raises(error):
        fetch(client)
    assert len(wire.sent) == 2


def test_a_refusal_is_believed_at_once_where_that_is_enough(
    client: KustomerClient, wire: Wire
) -> None:
    """For a request, or for roles; a firewall's never."""
    wire.gives((403, REFUSAL))
    with pytest.raises(MissingRoleError):
        fetch(client, confirms=False)
    assert len(wire.sent) == 1
    client.confirms_roles = False
    with pytest.raises(MissingRoleError):
        fetch(client)
    assert len(wire.sent) == 2
    wire.gives((403, b"<html>"))
    with pytest.raises(ForeignAnswerError):
        fetch(client, confirms=False)
    assert len(wire.sent) == 5


def test_a_refusal_means_no_outage(client: KustomerClient, wire: Wire, clock: FakeClock) -> None:
    """Refusals that never agree end in a sentence, and other streams keep their patience."""
    wire.gives(*[(404, REFUSAL), (403, REFUSAL)] * 5)
    with pytest.raises(UnavailableError, match=r"/v1/tags kept failing .*status 40[34]"):
        fetch(client)
    assert len(wire.sent) == 8
    began = clock.time
    with pytest.raises(UnavailableError):
        fetch(client_down(client, wire))
    assert clock.time - began >= 300


def client_down(client: KustomerClient, wire: Wire) -> KustomerClient:
    """Return the client, whose host fails from now on."""
    wire.gives(500)
    return client


def test_a_host_that_was_never_there_is_tried_for_twenty_seconds(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """A typo should not cost minutes. Once it has answered, all the time is given."""
    wire.gives(LOST)
    began = clock.time
    with pytest.raises(UnavailableError, match=rf"{URL} could not be reached: the connection was"):
        fetch(client)
    assert 20 <= clock.time - began < 30
    wire.gives(200, LOST)
    fetch(client)
    began = clock.time
    with pytest.raises(UnavailableError, match=r"/v1/tags kept failing for 30\d seconds \(last"):
        fetch(client)
    assert 300 <= clock.time - began < 310


def test_an_outage_costs_all_the_time_once(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """The streams behind it wait twenty seconds each, until a good answer came."""
    for answers, seconds in (([500], 300), ([500], 20), ([404, 500], 20), ([200, 500], 300)):
        wire.gives(*(one if one != 404 else (404, REFUSAL) for one in answers))
        if answers[0] == HTTPStatus.OK:
            fetch(client)
        began = clock.time
        with pytest.raises(UnavailableError, match="/v1/tags kept failing"):
            fetch(client)
        assert seconds <= clock.time - began < seconds + 10


def test_patience_is_never_more_than_the_setting(
    open_client: Callable[..., KustomerClient], wire: Wire, clock: FakeClock
) -> None:
    """`backoff_max_elapsed_seconds` of 0 means one try."""
    for seconds in (7.0, 0.0):
        client = open_client(max_elapsed=seconds)
        for step in (LOST, 500):
            wire.gives(step)
            began, sent = clock.time, len(wire.sent)
            with pytest.raises(UnavailableError):
                fetch(client)
            assert seconds <= clock.time - began < seconds + 1
            assert seconds or len(wire.sent) == sent + 1


def test_a_page_is_given_up_after_its_tries(client: KustomerClient, wire: Wire) -> None:
    """A smaller one may work; that is no outage, and the query is not part of the sentence."""
    wire.gives(500)
    for status in (500, 413):
        wire.gives((status, REFUSAL))
        sent = len(wire.sent)
        with pytest.raises(PageFailedError, match=r"this page of /v1/x \(last error: status"):
            fetch(client, "/v1/x?page=2", page_tries=2)
        assert len(wire.sent) == sent + 2
    wire.gives((413, REFUSAL))
    with pytest.raises(KustomerError, match=r"rejected the request to /v1/x \(status 413\)"):
        fetch(client, "/v1/x?page=2")


def test_a_failed_page_leaves_the_patience(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """The host is not down."""
    wire.gives(500)
    with pytest.raises(PageFailedError):
        fetch(client, page_tries=2)
    began = clock.time
    with pytest.raises(UnavailableError):
        fetch(client)
    assert clock.time - began >= 300


def test_a_pause_that_is_asked_for_is_made(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """By `Retry-After` of a failure; a reset header on one says nothing."""
    wire.gives((503, b"", {"retry_after": "90", "x_ratelimit_reset": "5"}), 200)
    fetch(client)
    assert 90 <= wire.times[1] - wire.times[0] < 91
    for _ in range(20):
        wire.gives((503, b"", {"x_ratelimit_reset": "50"}), 200)
        fetch(client)
    pauses = [after - before for before, after in zip(wire.times, wire.times[1:], strict=False)]
    assert all(pause <= 1.01 for pause in pauses[2:])
    assert any(0.4 < pause < 0.9 for pause in pauses[2:])  # where none is asked for, chance decides
    assert max(clock.slept) <= 1.0


def test_a_429_is_waited_out_by_the_limiter_alone(
    client: KustomerClient, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever waits for the same budget waits too; it is no failure and no news."""
    wire.gives((429, b"", {"retry_after": "30"}), 200)
    with caplog.at_level(logging.DEBUG, logger="tap-kustomer"):
        fetch(client, page_tries=1)
    assert 30 <= wire.times[1] - wire.times[0] <= 31
    assert client.limiter.refusals == 1
    assert "retry-after" in client.ledger.differences
    assert "retrying" not in caplog.text


def test_a_429_that_never_ends_fails_when_the_time_is_up(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """Also where a smaller page could be asked for."""
    wire.gives((429, b"", {"retry_after": "50"}))
    began = clock.time
    with pytest.raises(UnavailableError, match="rate limit reached") as caught:
        fetch(client, page_tries=1)
    assert type(caught.value) is UnavailableError
    assert clock.time - began >= 300


def test_a_client_that_is_closed_tries_nothing_again(
    client: KustomerClient, wire: Wire, clock: FakeClock
) -> None:
    """Neither after its pause nor in it: nobody waits for the answer."""
    wire.gives((503, b"", {"retry_after": "90"}))
    sleep = clock.sleep

    def close(seconds: float) -> None:
        sleep(seconds)
        client.close()

    vars(clock)["sleep"] = close
    began = clock.time
    with pytest.raises(UnavailableError):
        fetch(client)
    assert clock.time - began < 1.5
    assert len(wire.sent) <= 2
    sent = len(wire.sent)
    with pytest.raises(UnavailableError):
        fetch(client)
    assert len(wire.sent) == sent + 1


# ---------------------------------------------------------------- what is said


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return level and sentence of what was logged since."""
    found = [(one.levelname, one.getMessage()) for one in caplog.records]
    caplog.clear()
    return found


def test_the_first_failure_of_a_request_is_a_warning(
    client: KustomerClient, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are for whoever looks closely; a refusal is said once it is certain."""
    caplog.set_level(logging.DEBUG, logger="tap-kustomer.client")
    wire.gives(500, 500, 200)
    for _ in range(2):
        fetch(client, "/v1/tags?page=2")
        wire.gives(500, 500, 200)
    sentence = "/v1/tags: status 500; retrying for up to 300 s."
    assert said(caplog) == [("WARNING", sentence), ("DEBUG", sentence)] * 2
    wire.gives((404, REFUSAL), 200)
    fetch(client)
    assert [level for level, _ in said(caplog)] == ["DEBUG"]


def test_a_host_that_cannot_be_reached_is_said_once_until_it_answers(
    client: KustomerClient, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by each of thirty streams."""
    caplog.set_level(logging.DEBUG, logger="tap-kustomer.client")
    for steps, levels in (
        ([LOST, LOST, 200], ["WARNING", "DEBUG"]),
        ([LOST, 200], ["WARNING"]),
    ):
        wire.gives(*steps)
        fetch(client)
        assert [level for level, _ in said(caplog)] == levels
    wire.gives(LOST)
    for level in ("WARNING", "DEBUG"):
        with pytest.raises(UnavailableError):
            fetch(client)
        assert [one for one, _ in said(caplog)][:2] == [level, "DEBUG"]


def test_a_setting_of_this_machine_is_no_failure_to_retry(
    client: KustomerClient, wire: Wire
) -> None:
    """A bundle of certificates that is not there is not there at the next try."""
    wire.gives(OSError("no such file"))
    with pytest.raises(CredentialsError, match="REQUESTS_CA_BUNDLE"):
        fetch(client)
    assert len(wire.sent) == 1


def test_what_happened_shows_no_address(client: KustomerClient, wire: Wire) -> None:
    """Neither does what was raised by the library follow as a cause."""
    wire.gives(exceptions.ConnectionError(f"Max retries exceeded with url {URL}/v1/x?q=jane"))
    with pytest.raises(UnavailableError) as caught:
        fetch(client, "/v1/x?q=jane")
    assert "jane" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert not isinstance(caught.value, ConfigValidationError)


def test_a_bug_in_what_reads_an_answer_is_not_retried(client: KustomerClient, wire: Wire) -> None:
    """Only a value error says that the body was odd."""

    def broken(_raw: bytes) -> Iterable[Any]:
        raise BUG

    with pytest.raises(KeyError):
        client.fetch(Request("/v1/tags"), broken)
    assert len(wire.sent) == 1
