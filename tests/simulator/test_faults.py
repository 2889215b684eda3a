"""The simulated trouble: budgets and their headers, faults, outages, the control plane."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator import Clock, Fault, Org, Simulator
from simulator.client import Client, ids

ROOT = Path(__file__).parents[2]


def reading(org: Org | None = None, **knobs: Any) -> tuple[Simulator, Client]:
    """Return a running simulator and its client; `with` ends both."""
    simulator = Simulator(org or Org(realistic=False), **knobs)
    return simulator, Client(simulator)


def standing(**options: Any) -> Org:
    """Return an org whose clock stands at the beginning of a minute."""
    clock = Clock(speed=0)
    clock.set("2026-06-01T12:00:00Z")
    return Org(clock=clock, realistic=False, **options)


# --------------------------------------------------------------------- budgets


def test_every_answer_tells_what_is_left_of_the_budget() -> None:
    """Limit and remaining, on errors too; the reset only once it is exceeded."""
    simulator, client = reading(standing(plan_limit=3))
    with simulator, client:
        answers = [client.get("/v1/users"), client.get("/v1/nothing"), client.get("/v1/tags")]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]
        assert all("x-ratelimit-reset" not in answer.headers for answer in answers)
        refused = client.get("/v1/users")
        assert refused.status_code == 429
        assert refused.headers["x-ratelimit-limit"] == "3"
        assert refused.headers["x-ratelimit-reset"] == str(int(simulator.org.clock.now()) + 60)
        assert simulator.refused == 1


def test_a_window_passes_with_the_orgs_clock() -> None:
    """60 seconds of it, and all is there again."""
    simulator, client = reading(standing(plan_limit=1))
    with simulator, client:
        assert client.get("/v1/users").status_code == 200
        simulator.org.clock.advance(59)
        assert client.get("/v1/users").status_code == 429
        simulator.org.clock.advance(1)
        assert client.get("/v1/users").status_code == 200


def test_a_sliding_window_frees_each_turn_60_seconds_after_it() -> None:
    """The other way to count."""
    simulator, client = reading(standing(plan_limit=2), window="sliding")
    with simulator, client:
        client.get("/v1/users")
        simulator.org.clock.advance(30)
        client.get("/v1/users")
        assert client.get("/v1/users").status_code == 429
        simulator.org.clock.advance(30)
        assert client.get("/v1/users").status_code == 200
        assert client.get("/v1/users").status_code == 429


def test_searches_have_a_budget_of_their_own_which_both_searches_share() -> None:
    """Lists go on when it is spent."""
    simulator, client = reading(standing(search_limit=2))
    with simulator, client:
        assert client.search("customer").status_code == 200
        assert client.search("customer", archive=True).status_code == 200
        refused = client.search("customer")
        assert refused.status_code == 429
        assert "x-ratelimit-reset" in refused.headers
        assert client.get("/v1/users").status_code == 200


def test_headers_of_a_search_can_speak_of_either_budget_or_be_absent() -> None:
    """Which is unconfirmed."""
    simulator, client = reading(standing())
    with simulator, client:
        assert client.search("customer").headers["x-ratelimit-limit"] == "1000"
        simulator.set(ratelimit_headers_on_search="search")
        assert client.search("customer").headers["x-ratelimit-limit"] == "100"
        simulator.set(ratelimit_headers_on_search=None)
        assert "x-ratelimit-limit" not in client.search("customer").headers
        assert "x-ratelimit-limit" in client.get("/v1/users").headers
        simulator.set(ratelimit_reset_always=True)
        assert "x-ratelimit-reset" in client.get("/v1/users").headers


RESETS: dict[str, Callable[[float], str]] = {
    "seconds": lambda now: str(int(now) + 60),
    "milliseconds": lambda now: str((int(now) + 60) * 1000),
    "delta": lambda _: "60",
}


@pytest.mark.parametrize("form", RESETS)
def test_the_reset_comes_in_every_unit(form: str) -> None:
    """From the budgets and from a fault alike."""
    simulator, client = reading(standing(plan_limit=1), ratelimit_reset=form)
    with simulator, client:
        expected = RESETS[form](simulator.org.clock.now())
        simulator.faults.add(Fault("429", reset=form))
        by_fault, by_budget = client.get("/v1/users"), client.get("/v1/users")
        assert by_fault.headers["x-ratelimit-reset"] == expected
        assert by_budget.headers["x-ratelimit-reset"] == expected
        assert simulator.refused == 2


def test_a_refusal_can_carry_retry_after_or_nothing() -> None:
    """Seconds, an HTTP date, or no header at all."""
    simulator, client = reading(standing(plan_limit=0), ratelimit_reset=None)
    with simulator, client:
        bare = client.get("/v1/users").headers
        assert "Retry-After" not in bare
        assert "x-ratelimit-reset" not in bare
        simulator.set(retry_after="seconds")
        assert client.get("/v1/users").headers["Retry-After"] == "60"
        simulator.set(retry_after="date")
        date = client.get("/v1/users").headers["Retry-After"]
        assert date == "Mon, 01 Jun 2026 12:01:00 GMT"


def test_other_clients_use_the_same_budget() -> None:
    """At once by `consume`, all the time by a knob."""
    org = standing(search_limit=10)
    simulator, client = reading(org)
    with simulator, client:
        simulator.consume(search=9)
        assert client.search("customer").status_code == 200
        assert client.search("customer").status_code == 429
        org.clock.advance(60)
        simulator.set(other_client_search=12)
        assert client.search("customer").status_code == 200
        org.clock.advance(45)  # nine searches of others
        assert client.search("customer").status_code == 429


# ---------------------------------------------------------------------- faults


def test_a_fault_happens_so_often_after_so_many_for_those_it_fits() -> None:
    """`after`, `every`, `times`, `path` and `context` decide."""
    simulator, client = reading()
    with simulator, client:
        simulator.faults.add(Fault("status", path="/v1/users", after=1, every=2, times=2))
        statuses = [client.get("/v1/users").status_code for _ in range(7)]
        assert statuses == [200, 200, 500, 200, 500, 200, 200]
        assert client.get("/v1/tags").status_code == 200
        simulator.faults.clear()
        simulator.faults.add(Fault("status", context="note", status=503, times=None))
        assert client.search("customer").status_code == 200
        assert [client.search("note").status_code for _ in range(2)] == [503, 503]
        assert [log.status for log in simulator.searches("note")] == [503, 503]


def test_faults_by_chance_are_the_same_for_the_same_seed() -> None:
    """So that a failing test fails again."""

    def statuses() -> list[int]:
        simulator, client = reading(Org(seed=5))
        with simulator, client:
            simulator.faults.add(Fault("status", probability=0.5, times=None))
            return [client.get("/v1/tags").status_code for _ in range(20)]

    first = statuses()
    assert first == statuses()
    assert set(first) == {200, 500}


def test_errors_of_a_proxy_are_html() -> None:
    """A 502 is not JSON, and sometimes a 200 is not."""
    simulator, client = reading()
    with simulator, client:
        simulator.faults.add(
            Fault("status", status=502),
            Fault("not_json_200", after=1),
            Fault("invalid_json", after=2),
        )
        first, second, third = (client.get("/v1/users") for _ in range(3))
        assert (first.status_code, first.headers["Content-Type"]) == (502, "text/html")
        assert (second.status_code, second.headers["Content-Type"]) == (200, "text/html")
        with pytest.raises(requests.exceptions.JSONDecodeError):
            third.json()


@pytest.mark.parametrize("kind", ["reset", "close", "refuse", "truncated"])
def test_a_connection_can_end_at_any_point(kind: str) -> None:
    """The next request is answered again."""
    org = Org(realistic=False)
    org.add("user", 50)
    simulator, client = reading(org)
    with simulator, client:
        simulator.faults.add(Fault(kind))
        with pytest.raises(
            (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
        ):
            client.get("/v1/users")
        assert client.get("/v1/users").status_code == 200
        assert simulator.requests[0].faults == [kind]
        assert len(simulator.requests) == 2


def test_a_hang_lasts_until_the_client_gives_up() -> None:
    """And does not keep the simulator from stopping."""
    simulator, client = reading()
    with simulator, client:
        simulator.faults.add(Fault("hang"), Fault("slow", after=1, seconds=0.1))
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(
                simulator.url + "/v1/users",
                headers={"Authorization": "Bearer simulated-api-key"},
                timeout=0.2,
            )
        started = time.perf_counter()
        assert client.get("/v1/users").status_code == 200
        assert time.perf_counter() - started > 0.1


def test_an_outage_refuses_connections_until_it_ends() -> None:
    """On the same port."""
    simulator, client = reading()
    with simulator, client:
        assert client.get("/v1/users").status_code == 200
        url = simulator.url
        simulator.close_port()
        with pytest.raises(requests.exceptions.ConnectionError):
            client.get("/v1/users")
        simulator.open_port()
        assert simulator.url == url
        assert client.get("/v1/users").status_code == 200


def test_links_and_redirects_can_lead_elsewhere() -> None:
    """A tap must not take its token there."""
    org = Org(realistic=False)
    org.add("tag", 3)
    simulator, client = reading(org)
    with simulator, client:
        simulator.faults.add(Fault("redirect", to="https://evil.example/x"))
        redirected = client.get("/v1/tags")
        assert redirected.status_code == 302
        assert redirected.headers["Location"] == "https://evil.example/x"
        simulator.faults.add(Fault("next_link_other_host", to="https://evil.example"))
        page = client.get("/v1/tags?pageSize=1").json()
        assert page["links"]["next"] == "https://evil.example/v1/tags?page=2&pageSize=1"


def test_a_search_can_answer_in_part() -> None:
    """`timed_out`, short and empty pages, a total that shrinks: the rest stays as it was."""
    org = Org(realistic=False)
    org.add("customer", 20)
    simulator, client = reading(org)
    with simulator, client:
        whole = client.search("customer").json()
        simulator.faults.add(
            Fault("timed_out", context="customer", keep=7),
            Fault("short_page", context="customer", after=1),
            Fault("empty_page", context="customer", after=2),
            Fault("shrink_total", context="customer", after=3, to=5),
        )
        pages = [client.search("customer").json() for _ in range(5)]
        assert [len(page["data"]) for page in pages] == [7, 10, 0, 20, 20]
        assert [page["meta"]["total"] for page in pages] == [20, 20, 20, 5, 20]
        assert [page["meta"]["timed_out"] for page in pages] == [True, *[False] * 4]
        assert ids(pages[4]) == ids(whole)


def test_rows_can_come_broken() -> None:
    """Without attributes, id or timestamp; anything else by `rewrite`."""
    org = Org(realistic=False)
    org.add("customer", 3)
    simulator, client = reading(org)

    def renamed(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "meta": "gone"}

    with simulator, client:
        simulator.faults.add(
            Fault("null_attributes"), Fault("missing_id", after=1, rows=2),
            Fault("missing_updated_at", after=2), Fault("rewrite", after=3, rewrite=renamed),
        )  # fmt: skip
        first, second, third, fourth = (client.search("customer").json() for _ in range(4))
        assert first["data"][0]["attributes"] is None
        assert ["id" in row for row in second["data"]] == [False, False, True]
        assert "updatedAt" not in third["data"][0]["attributes"]
        assert fourth["meta"] == "gone"


def test_rows_keep_values_that_json_can_hardly_hold() -> None:
    """Lone surrogates, NUL, huge integers, deep nesting."""
    org = Org(realistic=False)
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    odd = {"name": "a\x00b\ud800", "count": 2**70, "deep": deep}
    org.add_row("customer", {"type": "customer", "id": "f" * 24, "attributes": odd})
    simulator, client = reading(org)
    with simulator, client:
        [row] = client.post("/v1/customers/search", {"queryContext": "customer"}).json()["data"]
        assert row["attributes"] == odd


def test_unknown_faults_and_knobs_are_refused() -> None:
    """A typo in a test would prove nothing."""
    with pytest.raises(ValueError, match="Unknown fault"):
        Fault("statsu")
    with pytest.raises(AttributeError, match="Unknown knob"):
        Simulator().set(page_latncy=1)
    with pytest.raises(TypeError):
        Simulator(page_latncy=1)


# ------------------------------------------------------- log, latency, control


def test_the_log_tells_each_request() -> None:
    """What was asked, by whom, and what came of it."""
    org = Org(realistic=False)
    org.add("customer", 3)
    simulator, client = reading(org)
    with simulator, client:
        client.search("customer", size=2)
        client.search("note", archive=True)
        client.get("/v1/users", pageSize=5)
        one, two, three = simulator.requests
        assert (one.context, one.is_search, one.is_archive, one.rows) == (
            "customer",
            True,
            False,
            2,
        )
        assert one.query == {"page": "1", "pageSize": "2"}
        assert one.body is not None
        assert (two.is_archive, two.status) == (True, 400)
        assert (three.method, three.path, three.context) == ("GET", "/v1/users", None)
        assert three.headers["authorization"] == "Bearer simulated-api-key"
        assert simulator.searches() == [one, two]
        assert simulator.searches("customer") == [one]
        simulator.reset_log()
        assert simulator.requests == []


def test_latency_is_counted_in_clock_seconds() -> None:
    """A clock of speed 1000 makes a page of a hundred seconds last a tenth."""
    org = Org(realistic=False, clock=Clock(speed=1000))
    simulator, client = reading(org, page_latency=100)
    with simulator, client:
        started = time.perf_counter()
        client.search("customer")
        assert time.perf_counter() - started >= 0.1
        [search] = simulator.requests
        assert search.answered - search.time >= 100


def test_the_latency_of_searches_is_not_that_of_lists() -> None:
    """A list that waited as long would not be answered within the client's patience."""
    simulator, client = reading(page_latency=3_600)
    with simulator, client:
        assert client.get("/v1/users").status_code == 200


def test_answers_are_compressed_for_those_who_accept_it() -> None:
    """Only then, and only with the knob."""
    org = Org(realistic=False)
    org.add("user", 50)
    simulator, client = reading(org, gzip=True)
    with simulator, client:
        answer = client.get("/v1/users")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.json()["data"]) == 50
        simulator.set(gzip=False)
        assert "Content-Encoding" not in client.get("/v1/users").headers


def test_the_config_reads_the_org() -> None:
    """What a tap needs, before all rows that `add` spreads."""
    org = Org(realistic=False)
    org.add("customer", 100)
    with Simulator(org) as simulator:
        assert set(simulator.config) == {"api_key", "api_url", "start_date"}
        first = min(row["attributes"]["updatedAt"] for row in org.rows("customer"))
        assert simulator.config["start_date"] < first


def test_other_processes_can_look_at_the_org_and_change_it() -> None:
    """No key, no budget, not in the log."""
    org = standing(plan_limit=0)
    org.add("customer", 5)
    with Simulator(org) as simulator:
        base = simulator.url + "/_simulator/"

        def get(path: str) -> Any:
            return requests.get(base + path, timeout=10).json()

        def post(action: str, /, **arguments: Any) -> requests.Response:
            return requests.post(base + action, json=arguments, timeout=10)

        assert get("ids?context=customer") == {"ids": org.ids("customer")}
        assert len(get("rows?context=customer")["rows"]) == 5
        assert get("counts") == {"customer": 5}
        assert get("config")["api_url"] == simulator.url
        assert get("requests")["total"] == 0
        moved = post("churn", context="customer", add=2, update=3, delete=1).json()
        assert [len(moved[kind]) for kind in ("added", "updated", "deleted")] == [2, 3, 1]
        assert get("counts") == {"customer": 7}
        before = get("clock")["now"]
        assert post("advance", seconds=60).json()["now"] == before + 60
        post("fault", kind="status", path="/v1/users", times=3)
        assert len(list(simulator.faults)) == 1
        post("clear-faults")
        assert not list(simulator.faults)
        post("knobs", error_shape="B")
        assert simulator.knobs.error_shape == "B"
        post("klass", name="order", attributes={"totalNum": {}})
        post("attribute", resource="customer", name="tierStr", displayName="Tier")
        assert set(org.metadata.properties("customer")) == {"tierStr"}
        assert org.klasses() == ["order"]
        assert post("fault", kind="nonsense").status_code == 400
        assert requests.get(base + "nonsense", timeout=10).status_code == 404
        assert simulator.requests == []


def started(*flags: str) -> subprocess.Popen[str]:
    """Start the server as the demo does."""
    return subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-W", "error", "-m", "simulator", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_prints_its_url_first_and_ends_on_a_signal(number: signal.Signals) -> None:
    """Cleanly: status 0, nothing on stderr."""
    flags = ["--customers", "5", "--api-key", "other", "--roles", "org.user.read", "--seed", "3",
             "--fault", "status,status=503,path=/v1/users,times=1",
             "--knob", "error_shape=B"]  # fmt: skip
    with started(*flags) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            headers = {"Authorization": "Bearer other"}
            statuses = [
                requests.get(url + path, headers=headers, timeout=10).status_code
                for path in ("/v1/users", "/v1/users", "/v1/teams")
            ]
            assert statuses == [503, 200, 403]
            counts = requests.get(url + "/_simulator/counts", timeout=10).json()
            assert counts["customer"] == 5
        finally:
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_the_program_refuses_what_it_does_not_know() -> None:
    """With a sentence, not a traceback."""
    with started("--customers", "1", "--knob", "foo=1") as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert output == ""
    assert "Unknown knob 'foo'" in errors
    assert "Traceback" not in errors
