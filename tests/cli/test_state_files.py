"""What a state file may hold: a state of this tap as it is kept, nothing, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from tap_kustomer.cli.files import read_state
from tap_kustomer.errors import StateError
from tap_kustomer.state import check_state
from tests.support import run_tap

MARKED: dict[str, Any] = {
    "bookmarks": {"customers": {"replication_key_value": "2026-01-02T03:04:05.678Z"}},
    "tap_kustomer": {"version": "0.1.0", "org_id": "o"},
}
OLDER = {**MARKED, "bookmarks": {"customers": {"replication_key_value": "2025-01-01T00:00:00Z"}}}
NOW = "2026-11-25T12:00:00.000Z"


def lines(*states: dict[str, Any]) -> str:
    """Return states as a target prints them."""
    return "".join(json.dumps(state) + "\n" for state in states)


KEPT: dict[str, Callable[[], str]] = {
    "the value": lambda: json.dumps(MARKED),
    "over several lines": lambda: json.dumps(MARKED, indent=2),
    "a STATE message": lambda: json.dumps({"type": "STATE", "value": MARKED}),
    "lines, the last counts": lambda: lines(OLDER, MARKED),
    "STATE messages": lambda: lines(*({"type": "STATE", "value": s} for s in (OLDER, MARKED))),
    "blank lines between": lambda: lines(OLDER) + "\n\n" + lines(MARKED) + "\n",
    "as Meltano prints it": lambda: json.dumps({"singer_state": MARKED}),
    "as Meltano keeps it": lambda: json.dumps({"completed": {"singer_state": MARKED}}),
}


@pytest.mark.parametrize("form", KEPT)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_state_is_read_in_every_form_it_is_kept_in(
    tmp_path: Path, form: str, encoding: str
) -> None:
    """Each of them was once a full extract in silence, or a run that never began."""
    path = tmp_path / "state.json"
    path.write_text(KEPT[form](), encoding=encoding)

    assert read_state(str(path)) == MARKED


@pytest.mark.parametrize(
    "text", ["", " \n\n", "null", "{}", '{"bookmarks": {}}', '{"singer_state": {}}', "\ufeff"]
)
def test_a_file_without_a_state_is_a_fresh_start(tmp_path: Path, text: str) -> None:
    """A first run that dies early leaves an empty file: the next one begins."""
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")

    assert not any(read_state(str(path)).values())


@pytest.mark.parametrize(
    "value", ["2031-01-01T00:00:00.000Z", "2026-11-25T12:02:00Z", "2026-11-25T14:00:00+01:00"]
)
def test_a_bookmark_in_the_future_is_refused(value: str) -> None:
    """Nothing would be read until then, and each run would end as complete."""
    state = {**MARKED, "bookmarks": {"notes": {"replication_key_value": value}}}

    with pytest.raises(StateError, match=r"notes: the bookmark .* lies in the future"):
        check_state(state, "o", NOW)


@pytest.mark.parametrize("value", [NOW, "2026-11-25T12:00:30.000Z", "2020-01-01", None])
def test_a_bookmark_up_to_now_is_taken(value: object) -> None:
    """Headers tell whole seconds; a stream that has read nothing yet has none."""
    check_state({**MARKED, "bookmarks": {"notes": {"replication_key_value": value}}}, "o", NOW)


def test_the_bookmark_of_a_spool_is_a_number() -> None:
    """The sequence of an event, which is no moment."""
    known = {"replication_key_value": 17, "spool": "s", "event": "e"}
    check_state({**MARKED, "bookmarks": {"webhook_events": known}}, "o", NOW)


@pytest.mark.parametrize(
    "value", ["soon", "", "9999-99-99", 17, 1.5, True, {}, [NOW], "2026-11-25T12:00:00-99:00"]
)
def test_a_bookmark_that_is_no_moment_is_refused(value: object) -> None:
    """Ignored, it would cost a full extract in silence."""
    state = {**MARKED, "bookmarks": {"notes": {"replication_key_value": value}}}

    with pytest.raises(StateError, match="notes: the bookmark in the state isn't a date-time"):
        check_state(state)


@pytest.mark.parametrize("bookmarks", [None, [], "", 0, {"notes": None}, {"notes": "2026-01-01"}])
@pytest.mark.parametrize("mark", [{}, {"tap_kustomer": MARKED["tap_kustomer"]}], ids=["", "ours"])
def test_bookmarks_that_are_no_objects_are_refused(mark: dict[str, Any], bookmarks: object) -> None:
    """Whoever's they are."""
    with pytest.raises(StateError, match=r"are damaged|by another tap"):
        check_state({**mark, "bookmarks": bookmarks})


def test_a_run_refuses_a_bookmark_in_the_future(sim: Simulator, tmp_path: Path) -> None:
    """By Kustomer's clock, with status 1 and nothing written."""
    sim.org.add("customer", 5)
    state = run_tap(sim.config, select=["customers"], folder=tmp_path).state
    state["bookmarks"]["customers"]["replication_key_value"] = "2091-01-01T00:00:00.000Z"

    output = run_tap(sim.config, select=["customers"], state=state, folder=tmp_path)

    assert output.status == 1
    assert "customers: the bookmark" in output.stderr
    assert "Traceback" not in output.stderr
    assert not output.ids("customers")
