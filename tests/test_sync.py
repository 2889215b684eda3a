"""One run over streams that are given: their order, what becomes of each, and what is said."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException

from tap_kustomer import sync as sync_module
from tap_kustomer.errors import (
    CredentialsError,
    MissingRoleError,
    NotFoundError,
    StreamError,
    UnavailableError,
)
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Column, Ledger
from tap_kustomer.run import StreamRun
from tap_kustomer.sync import Sync, bug_sentence, note_role, role_advice
from tap_kustomer.vanished import Vanished

START = "2026-01-01T00:00:00.000Z"
ROLE = "org.permission.x.read"


class Stream:
    """A stream that ends as it is told to, and keeps what was done with it."""

    reads_list = False

    def __init__(self, org: Org, name: str, end: BaseException | None = None, **facts: Any) -> None:
        """Keep how it ends."""
        self.session = org
        self.org = org
        self.name = name
        self.end = end
        self.run = StreamRun(name)
        self.did: list[str] = []
        self.selected = True
        self.read_last = False
        self.is_due = True
        self.was_read = False
        self.roles: tuple[str, ...] = (ROLE,)
        self.role_to_ask_for: str | None = ROLE
        self.roles_documented = True
        self.ABORT_AT_RECORD_COUNT: int | None = None
        self.tap_state: dict[str, Any] = {}
        self.batches = 0
        self.read_beside: tuple[Stream, ...] = ()
        vars(self).update(facts)
        org.streams[name] = self

    def ensure_prepared(self) -> None:
        """Note it."""
        self.did.append("prepare")

    def ask_ahead(self) -> None:
        """Note it."""
        self.session.did.append(f"ask {self.name}")

    def note_rows(self) -> None:
        """Note it."""
        self.did.append("note rows")

    def note_failure(self, error: Exception) -> None:
        """Note it."""
        self.did.append(f"failed: {error}")

    def steps(self) -> Iterator[None]:
        """Read batch by batch, and end so."""
        self.session.did.append(self.name)
        self.session.time += 1
        for number in range(self.batches):
            yield
            self.session.did.append(f"{self.name} {number}")
        if self.end is not None:
            raise self.end


class Search(Stream):
    """One that is searched."""


class KlassSearch(Search):
    """One of a klass."""


class List(Stream):
    """One that is a list."""

    reads_list = True


@dataclass
class Org:
    """What streams share, in place of a session; a run over them."""

    max_concurrency: int = 4
    may_read: bool | None = None
    streams: dict[str, Any] = field(default_factory=dict)
    runs: list[StreamRun] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    time: int = 0
    ledger: Ledger = field(default_factory=lambda: Ledger(ASSUMPTIONS))
    told: list[str] = field(default_factory=list)
    searched_together: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Be the settings, too."""
        self.settings = SimpleNamespace(max_concurrency=self.max_concurrency)

    def server_now(self) -> str:
        """Return the time, which each stream moves by a second."""
        return f"2026-01-01T00:00:{self.time:02}.000Z"

    def may(self, _roles: Iterable[str]) -> bool | None:
        """Say what the key's own roles say."""
        return self.may_read

    def stream_started(self, run: StreamRun) -> None:
        """Note it."""
        self.told.append(f"{run.stream} {run.status}")

    def stream_ended(self, run: StreamRun) -> None:
        """Note it."""
        self.told.append(f"{run.stream} {run.status}")

    def sync(self) -> Sync:
        """Run, and return the run."""
        made = Sync(self, self.streams, None, self)  # type: ignore[arg-type]
        made.sync()
        return made

    @property
    def ends(self) -> dict[str, str]:
        """How each stream ended, in order."""
        return {run.stream: run.status for run in self.runs}


@pytest.fixture(autouse=True)
def vanished(monkeypatch: pytest.MonkeyPatch) -> list[Vanished]:
    """What discovery no longer offers; the kinds of streams are those of this file."""
    found: list[Vanished] = []
    together: Any = lambda session, klasses: session.searched_together.extend(  # noqa: E731
        one.name for one in klasses
    )
    for name, value in (
        ("SearchedStream", Search),
        ("KlassObjects", KlassSearch),
        ("ListStream", List),
        ("search_together", together),
        ("vanished_streams", lambda *_: iter(found)),
    ):
        monkeypatch.setattr(sync_module, name, value)
    return found


@pytest.fixture
def org() -> Org:
    """An org without streams."""
    return Org()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that the run says."""
    caplog.set_level(logging.DEBUG, logger="tap-kustomer")
    return caplog


def said(log: pytest.LogCaptureFixture, level: str) -> list[str]:
    """Return the sentences of a level."""
    return [one.getMessage() for one in log.records if one.levelname == level]


def test_streams_are_read_in_their_order_and_those_that_need_others_last(org: Org) -> None:
    """`sync_runs` behind all, since it tells of them; deselected ones not at all."""
    Stream(org, "sync_runs")
    Stream(org, "late", read_last=True)
    Stream(org, "a")
    Stream(org, "off", selected=False)
    Stream(org, "b")
    made = org.sync()
    assert org.did == ["a", "b", "late", "sync_runs"]
    assert list(org.ends) == org.did
    assert set(org.ends.values()) == {"complete"}
    assert made.planned == 4
    assert not made.failed
    assert 0 <= made.seconds < 60
    assert org.streams["a"].did == ["prepare", "note rows"]
    assert org.streams["off"].did == ["note rows"]
    assert org.told[:2] == ["a stopped", "a complete"]


def test_each_stream_keeps_its_times(org: Org) -> None:
    """By Kustomer's clock, which may seem to go back a little."""
    stream = Stream(org, "a")
    org.sync()
    run = stream.run
    assert (run.started_at, run.to) == (START, START)
    assert run.ended_at == "2026-01-01T00:00:01.000Z"
    assert 0 <= run.seconds < 60
    back = Stream(org, "b")
    back.run.started_at = "2026-01-01T09:00:00.000Z"
    org.sync()
    assert back.run.ended_at == back.run.started_at == "2026-01-01T09:00:00.000Z"


def test_nothing_selected_is_a_warning_and_no_failure(
    org: Org, log: pytest.LogCaptureFixture
) -> None:
    """Meltano's patterns are easy to get wrong."""
    Stream(org, "off", selected=False)
    assert not org.sync().failed
    assert "No stream is selected" in said(log, "WARNING")[0]
    assert not said(log, "INFO")


def test_a_stream_that_fails_does_not_stop_the_others(
    org: Org, log: pytest.LogCaptureFixture
) -> None:
    """Each says so with its name, once."""
    Stream(org, "a", StreamError("something is off."))
    Stream(org, "b", UnavailableError("b: Kustomer is down."))
    Stream(org, "c")
    made = org.sync()
    assert org.ends == {"a": "failed", "b": "failed", "c": "complete"}
    assert made.failed
    assert said(log, "ERROR") == ["a: something is off.", "b: Kustomer is down."]
    assert org.streams["a"].run.error == "something is off."
    assert org.streams["b"].run.cause is UnavailableError
    assert org.streams["a"].did == ["prepare", "failed: something is off.", "note rows"]
    lines = said(log, "INFO")
    assert [line.split(":")[0] for line in lines[:-1]] == ["c"]
    assert "1 complete, 2 failed" in lines[-1]


def test_a_bug_fails_its_stream_with_its_place_and_without_its_text(
    org: Org, log: pytest.LogCaptureFixture
) -> None:
    """The text may show a row; the traceback is for whoever asks."""
    Stream(org, "a", KeyError("jane@example.com"))
    Stream(org, "b")
    assert org.sync().failed
    assert org.ends == {"a": "failed", "b": "complete"}
    sentence = said(log, "ERROR")[0]
    assert sentence.startswith("a: an unexpected KeyError in test_sync.py, line ")
    assert "Traceback of the error above: KeyError" in said(log, "DEBUG")[0]
    assert "jane" not in log.text
    assert bug_sentence(KeyError("x")).startswith("an unexpected KeyError. This is an error of")


@pytest.mark.parametrize("end", [AbortedSyncFailedException, AbortedSyncPausedException])
def test_a_stream_that_has_the_rows_it_was_to_bring_is_complete(
    org: Org, end: type[Exception]
) -> None:
    """`--test` wants one."""
    Stream(org, "a", end())
    assert not org.sync().failed
    assert org.ends == {"a": "complete"}


@pytest.mark.parametrize("end", [CredentialsError("The key is wrong."), KeyboardInterrupt()])
def test_what_ends_the_run_leaves_the_rest_and_is_raised(
    org: Org, log: pytest.LogCaptureFixture, end: BaseException
) -> None:
    """With a summary; after a wrong key `sync_runs` still tells."""
    for name, how in (("sync_runs", None), ("a", None), ("b", end), ("c", None)):
        Stream(org, name, how)
    made = Sync(org, org.streams, None, org)  # type: ignore[arg-type]
    with pytest.raises(type(end)):
        made.sync()
    is_wrong_key = isinstance(end, CredentialsError)
    assert made.failed is is_wrong_key
    assert org.ends["b"] == ("failed" if is_wrong_key else "stopped")
    assert org.ends.get("sync_runs") == ("complete" if is_wrong_key else None)
    assert "c" not in org.ends
    assert "streams: " in said(log, "INFO")[-1]
    assert all("note rows" in stream.did for stream in org.streams.values())
    if is_wrong_key:
        assert org.streams["b"].run.cause is CredentialsError
        assert said(log, "ERROR") == ["b: The key is wrong."]


def test_streams_of_one_source_are_read_side_by_side(org: Org) -> None:
    """Each is prepared before the first reads; one that fails leaves the others."""
    a, b, c = Stream(org, "a"), Stream(org, "b", StreamError("off.")), Stream(org, "c")
    a.batches, b.batches, c.batches = 3, 1, 2
    a.read_beside = (b, c)
    Stream(org, "d")
    org.sync()
    reads = ["a", "b", "c", "a 0", "b 0", "c 0", "a 1", "c 1", "a 2", "d"]
    assert org.did == reads
    assert org.ends == {"a": "complete", "b": "failed", "c": "complete", "d": "complete"}
    assert org.told[:3] == ["a stopped", "b stopped", "c stopped"]
    assert {one.run.started_at for one in (a, b, c)} == {START}
    assert b.did[0] == "prepare"


def test_streams_of_one_source_end_together_when_the_run_does(org: Org) -> None:
    """Each is noted as stopped."""
    a, b = Stream(org, "a", KeyboardInterrupt()), Stream(org, "b", batches=3)
    a.read_beside = (b,)
    with pytest.raises(KeyboardInterrupt):
        org.sync()
    assert org.ends == {"a": "stopped", "b": "stopped"}
    assert org.told[-2:] == ["a stopped", "b stopped"]


def test_what_was_read_beside_another_is_not_asked_for_ahead(org: Org) -> None:
    """It is over."""
    a, b = Stream(org, "a"), Search(org, "b")
    a.read_beside = (b,)
    b.run.started_at = START  # so that it is not asked for ahead of that
    List(org, "c", ABORT_AT_RECORD_COUNT=1)
    for number in range(3):
        Search(org, f"s{number}")
    org.sync()
    assert org.did == ["ask s0", "ask s1", "a", "b", "ask s2", "c", "s0", "s1", "s2"]


# ---------------------------------------------------------------- ahead of its turn


def test_lists_and_the_next_searches_are_asked_for_ahead(org: Org) -> None:
    """Every list at once; of the searches three, the current one included."""
    for name in ("s1", "s2", "s3", "s4"):
        Search(org, name)
    for name in ("l1", "l2"):
        List(org, name)
    Stream(org, "other")
    org.sync()
    asked = ["ask s1", "ask s2", "ask s3", "ask l1", "ask l2"]
    assert org.did == [*asked, "s1", "ask s4", "s2", "s3", "s4", "l1", "l2", "other"]
    assert {org.streams[name].run.started_at for name in ("s1", "s2", "s3", "l1")} == {START}
    assert org.streams["s4"].run.started_at == "2026-01-01T00:00:01.000Z"
    assert org.streams["s4"].run.to == "2026-01-01T00:00:01.000Z"
    assert org.streams["other"].run.started_at == "2026-01-01T00:00:06.000Z"


def test_nothing_is_asked_for_ahead_where_it_is_not_read(org: Org) -> None:
    """A list that is not due, and a stream of which one row is wanted."""
    List(org, "a", is_due=False)
    List(org, "b", ABORT_AT_RECORD_COUNT=1)
    Search(org, "c", ABORT_AT_RECORD_COUNT=1)
    org.sync()
    assert org.did == ["b", "c"]


def test_with_one_request_at_a_time_nothing_is_asked_for_ahead() -> None:
    """It would gain nothing; two are enough."""
    for most, did in ((1, ["a"]), (2, ["ask a", "a"])):
        org = Org(max_concurrency=most)
        List(org, "a")
        org.sync()
        assert org.did == did


def test_streams_of_klasses_are_searched_together(org: Org) -> None:
    """Those that are selected, before the first is read."""
    KlassSearch(org, "k1")
    Search(org, "s")
    KlassSearch(org, "k2")
    KlassSearch(org, "k3", selected=False)
    org.sync()
    assert org.searched_together == ["k1", "k2"]


def test_a_list_that_is_not_due_is_passed_over(org: Org) -> None:
    """Nothing is written of it; Kustomer knew it when it was read."""
    List(org, "a", is_due=False)
    List(org, "b", NotFoundError("no."))
    List(org, "c", NotFoundError("no."))
    assert not org.sync().failed
    run = org.streams["a"].run
    assert (run.status, run.started_at, run.ended_at, run.to) == ("not due", START, START, None)
    assert org.told[:2] == ["a stopped", "a not due"]
    assert org.streams["a"].did == ["note rows"]
    assert org.ends["b"] == "skipped"


# ---------------------------------------------------------------- refused and unknown


def test_a_stream_that_the_key_may_not_read_is_skipped_with_the_role(
    org: Org, log: pytest.LogCaptureFixture
) -> None:
    """It was never read, so no table goes stale."""
    Stream(org, "a", MissingRoleError("Not allowed."))
    Stream(org, "b")
    assert not org.sync().failed
    assert org.ends == {"a": "skipped", "b": "complete"}
    [warning] = said(log, "WARNING")
    assert warning.startswith(f"a: Not allowed. Create a new key with the role {ROLE} as well (rol")
    assert warning.endswith("or deselect a. Skipped.")
    assert org.streams["a"].run.cause is MissingRoleError


@pytest.mark.parametrize("kind", [Stream, List])
@pytest.mark.parametrize("end", [MissingRoleError("no."), NotFoundError("no.")])
def test_a_stream_that_earlier_runs_have_read_fails_where_it_is_refused(
    org: Org, log: pytest.LogCaptureFixture, kind: type[Stream], end: Exception
) -> None:
    """Its table would silently go stale."""
    kind(org, "a", end, was_read=True)
    Stream(org, "b")
    assert org.sync().failed
    assert org.ends == {"a": "failed", "b": "complete"}
    [error] = said(log, "ERROR")
    assert error.startswith("a: no.")
    assert error.endswith("Earlier runs read it, so its table is now stale.")
    assert not said(log, "WARNING")


def test_a_list_that_the_org_does_not_have_is_skipped(
    org: Org, log: pytest.LogCaptureFixture
) -> None:
    """And noted; what is no list has to be there."""
    List(org, "a", NotFoundError("There is no a."))
    Stream(org, "b", NotFoundError("There is no b."))
    Stream(org, "c")
    assert org.sync().failed
    assert org.ends == {"a": "skipped", "b": "failed", "c": "complete"}
    [warning] = said(log, "WARNING")
    assert warning.startswith("a isn't available in this org. There is no a. Skipped, no rows.")
    assert said(log, "ERROR") == ["b: There is no b."]
    assert org.ledger.findings["lists-exist"].places == ["a"]
    assert "differs from what the tap assumes" in said(log, "INFO")[-1]


@pytest.mark.parametrize(
    ("unknown", "known", "sentence"),
    [
        (2, 0, "None of the list endpoints exist on this host"),
        (3, 0, "None of the list endpoints exist on this host"),
        (1, 0, None),
        (2, 1, None),
    ],
)
def test_a_host_without_any_list_is_no_kustomer(
    log: pytest.LogCaptureFixture, unknown: int, known: int, sentence: str | None
) -> None:
    """One alone may be missing; then what was skipped has failed."""
    org = Org()
    Stream(org, "s")
    for number in range(unknown):
        List(org, f"u{number}", NotFoundError("no."))
    for number in range(known):
        List(org, f"k{number}")
    Stream(org, "sync_runs")
    assert org.sync().failed is (sentence is not None)
    assert org.ends["u0"] == ("failed" if sentence else "skipped")
    assert org.ends["s"] == "complete"
    assert org.ends["sync_runs"] == "complete"
    assert [error[:20] for error in said(log, "ERROR")] == ([sentence[:20]] if sentence else [])


def test_a_run_that_could_read_nothing_fails(
    org: Org, log: pytest.LogCaptureFixture, vanished: list[Vanished]
) -> None:
    """However many of its streams were only skipped or missing."""
    vanished.append(Vanished("old", "old: gone.", fails=False))
    Stream(org, "a", MissingRoleError("no."))
    made = org.sync()
    assert made.failed
    assert org.ends == {"old": "missing", "a": "failed"}
    assert said(log, "ERROR")[0].startswith("None of the selected streams could be read")


def test_a_run_whose_streams_are_all_missing_fails(org: Org, vanished: list[Vanished]) -> None:
    """Though none of them is known to fail."""
    vanished.append(Vanished("old", "old: gone.", fails=False))
    assert org.sync().failed


def test_a_run_without_streams_has_not_failed_to_read_any(org: Org) -> None:
    """Nothing was wanted."""
    assert not org.sync().failed
    assert not org.runs


def test_streams_that_vanished_are_noted(
    org: Org, log: pytest.LogCaptureFixture, vanished: list[Vanished]
) -> None:
    """As a failure or a warning; they have no time of their own."""
    vanished += [
        Vanished("old", "old: gone.", fails=False),
        Vanished("lost", "lost: selected.", fails=True),
    ]
    Stream(org, "a")
    assert org.sync().failed
    assert org.ends == {"old": "missing", "lost": "failed", "a": "complete"}
    assert said(log, "WARNING") == ["old: gone."]
    assert said(log, "ERROR") == ["lost: selected."]
    old = org.runs[0]
    assert (old.error, old.started_at, old.ended_at) == ("old: gone.", START, START)


def test_the_state_tells_what_vanished(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of any stream, as they share one."""
    seen: list[Mapping[str, Any]] = []

    def look(_session: Any, _offered: Any, catalog: Any, state: Mapping[str, Any]) -> Iterable[Any]:
        seen.append({"catalog": catalog, **state})
        return ()

    monkeypatch.setattr(sync_module, "vanished_streams", look)
    org.sync()
    Stream(org, "a", tap_state={"bookmarks": {"x": {}}})
    org.sync()
    assert seen == [{"catalog": None}, {"catalog": None, "bookmarks": {"x": {}}}]


# ---------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("may", "is_open", "column", "how"),
    [
        (True, True, Column.AS_ASSUMED, []),
        (False, False, Column.AS_ASSUMED, []),
        (True, False, Column.HANDLED, ["refused with one of its roles"]),
        (False, True, Column.HANDLED, ["open without any of its roles"]),
        (None, True, Column.NOT_SEEN, []),
        (None, False, Column.NOT_SEEN, []),
    ],
)
def test_what_the_keys_roles_say_is_compared_with_what_happens(
    org: Org, *, may: bool | None, is_open: bool, column: Column, how: list[str]
) -> None:
    """Where they are known, and where a stream has a role of its own."""
    org.may_read = may
    note_role(Stream(org, "a"), is_open=is_open)  # type: ignore[arg-type]
    finding = org.ledger.findings["role-table"]
    assert finding.how == how
    assert finding.column in {column, Column.REPORT if how else column}
    assert finding.places == (["a"] if how else [])


def test_a_role_that_is_not_among_the_streams_own_says_nothing(org: Org) -> None:
    """It is only what to ask for."""
    org.may_read = True
    note_role(Stream(org, "a", role_to_ask_for="org.permission"), is_open=False)  # type: ignore[arg-type]
    assert org.ledger.findings["role-table"].column is Column.NOT_SEEN


def test_a_refused_stream_is_noted_against_the_roles(org: Org) -> None:
    """The run does it."""
    org.may_read = True
    Stream(org, "a", MissingRoleError("no."))
    org.sync()
    assert org.ledger.findings["role-table"].how == ["refused with one of its roles"]


def test_the_advice_names_the_role_or_says_that_the_key_has_it(org: Org) -> None:
    """A guess is called one."""

    def advice(**facts: Any) -> str:
        return role_advice(Stream(org, "a", **facts))  # type: ignore[arg-type]

    assert f"with the role {ROLE} as well (roles of" in advice()
    assert f"with the role {ROLE} as well (a guess: Kustomer" in advice(roles_documented=False)
    assert "with the role org.permission as well" in advice(role_to_ask_for=None)
    org.may_read = True
    assert f"The key's user lists the role {ROLE}, so something else forbids it" in advice()
