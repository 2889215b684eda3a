"""The ledger of assumptions: every mark in the code has an entry, every fall-back is noted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, Simulator
from tap_kustomer.clock import Clock
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Assumption, Column, Ledger
from tap_kustomer.tap import TapKustomer
from tests.support import FAST, quiet, sync_tap

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "tap_kustomer"
FOLDERS = ("tap_kustomer", "simulator", "tools", "analytics")
SUFFIXES = {".py", ".sql", ".yml", ".json", ".jinja"}
MARK = re.compile(r"(?<!`)UNCONFIRMED(?!`)(?:[\s#]*\(([a-z-]+)\))?")
IDS = {one.id for one in ASSUMPTIONS}


def marks() -> list[tuple[Path, str | None]]:
    """Return where something is marked as unconfirmed, and which entry the mark names."""
    files = [
        path
        for folder in FOLDERS
        for path in sorted((CHECKOUT / folder).rglob("*"))
        if path.suffix in SUFFIXES and not {".work", "target"} & set(path.parts)
    ]
    return [
        (path, match[1])
        for path in files
        for match in MARK.finditer(path.read_text(encoding="utf-8"))
    ]


def test_every_mark_names_an_entry() -> None:
    """A guess without an entry is one that no check looks at."""
    nameless = [str(path.relative_to(CHECKOUT)) for path, id_ in marks() if id_ not in IDS]
    assert not nameless, "Write `UNCONFIRMED (id)` with the id of an entry in tap_kustomer/ledger/."


def test_marks_are_found_in_code_and_simulator() -> None:
    """A search that finds nothing would prove nothing."""
    found = {path.relative_to(CHECKOUT).parts[0] for path, _ in marks()}
    assert found == set(FOLDERS)


def test_an_entry_names_the_modules_that_rely_on_it() -> None:
    """Whoever finds an assumption wrong knows where to begin."""
    for one in ASSUMPTIONS:
        assert one.where, one.id
        for name in one.where:
            assert (PACKAGE / name).exists() or (CHECKOUT / name).exists(), (one.id, name)
    named = {one.id: one.where for one in ASSUMPTIONS}
    for path, id_ in marks():
        if path.is_relative_to(PACKAGE) and id_ is not None:
            assert path.relative_to(PACKAGE).as_posix() in named[id_], (path, id_)


def test_ids_are_unique_and_texts_are_whole() -> None:
    """They are shown side by side in a table."""
    assert len(IDS) == len(ASSUMPTIONS)
    for one in ASSUMPTIONS:
        assert all((one.assumed, one.shows, one.otherwise)), one.id


def test_a_difference_is_not_taken_back_by_what_was_seen_elsewhere() -> None:
    """One context that does as assumed says nothing of another."""
    ledger = Ledger([Assumption("a", "", "", "", ()), Assumption("b", "", "", "", (), report=True)])
    ledger.differs("a", "how", "customers")
    ledger.holds("a")
    ledger.holds("b")
    columns = {id_: one.column for id_, one in ledger.findings.items()}
    assert columns == {"a": Column.HANDLED, "b": Column.AS_ASSUMED}
    assert ledger.differences == ["a"]
    ledger.differs("b")
    assert ledger.differences == ["a", "b"]


def test_an_unknown_entry_is_refused() -> None:
    """A typo in an id would else hide what was found."""
    ledger = Ledger(ASSUMPTIONS)
    with pytest.raises(KeyError):
        ledger.differs("no-such-entry")


def test_a_sync_notes_the_fall_backs_that_it_takes(fast_sim: Simulator) -> None:
    """The tap copes, but no longer in silence."""
    fast_sim.set(
        company_updated_at_supported=False, track_total_hits="refused", queues_path="/v1/queues"
    )
    fast_sim.org.add("customer", 3)
    with quiet():
        tap = TapKustomer(config=fast_sim.config, clock=Clock(FAST))
        for stream in tap.own_streams.values():
            stream.selected = stream.name in {"customers", "companies", "queues"}
        tap.sync_all()
    findings = tap.client.ledger.findings
    for id_ in ("company-updated-at", "exact-totals", "list-paths"):
        assert findings[id_].column is Column.HANDLED, id_
    assert findings["company-updated-at"].places == ["companies"]
    assert findings["search-filter"].column is Column.AS_ASSUMED
    assert findings["include-deleted"].column is Column.AS_ASSUMED


def test_a_sync_says_in_one_line_what_differs_and_how_to_report_it(
    fast_sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of a scheduled run is all that most users ever see."""
    caplog.set_level("INFO", "tap-kustomer")
    fast_sim.set(company_updated_at_supported=False)
    output = sync_tap(fast_sim.config, ["companies"], clock=Clock(FAST))
    lines = [line for line in output.stderr.splitlines() if "differs from what" in line]
    assert len(lines) == 1
    assert "1 way, all of them handled: company-updated-at" in lines[0]
    assert "--report" in lines[0]


def test_a_sync_of_an_org_that_is_as_assumed_says_nothing_of_it(
    fast_sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A line that is always there is not read."""
    caplog.set_level("INFO", "tap-kustomer")
    fast_sim.org.add("customer", 3)
    output = sync_tap(fast_sim.config, ["customers"], clock=Clock(FAST))
    assert output.status == 0
    assert "differs from what" not in output.stderr


def test_a_sync_notes_what_its_rows_show(fast_sim: Simulator) -> None:
    """Most orgs are never checked again, and their rows change."""
    org = fast_sim.org
    org.set_attribute("customer", "scoreNum")
    org.add("customer", 30, updated_at=org.clock.now() - 86_400)
    org.add("conversation", 2)
    org.add("tag", 2)
    for path, change in (
        ("/v1/customers/search", {"brandNewThing": 1, "custom": {"scoreNum": ["no number"]}}),
        ("/v1/tags", {"colourOfTag": "red"}),
    ):
        fast_sim.faults.add(rewritten(path, change))
    with quiet():
        tap = TapKustomer(config=fast_sim.config, clock=Clock(FAST))
        for stream in tap.own_streams.values():
            stream.selected = stream.name in {"customers", "conversations", "tags"}
        tap.sync_all()
    findings = tap.client.ledger.findings
    places = {"customers.brandNewThing", "conversations.brandNewThing", "tags.colourOfTag"}
    assert set(findings["known-attributes"].places) == places
    assert findings["custom-types"].places == ["customers.custom.scoreNum"]
    assert findings["custom-types"].how == ["some are not of the type of Num"]
    assert findings["ties"].column is Column.HANDLED
    assert findings["ties"].places == ["customers"]


@pytest.mark.parametrize("settings", [{}, {"unknown_fields": "drop"}])
def test_attributes_that_no_schema_knows_are_noted_on_every_way_to_a_row(
    fast_sim: Simulator, settings: dict[str, str]
) -> None:
    """Pages are read by another way once their attributes are known, and rows may be dropped."""
    org = fast_sim.org
    org.add("customer", 600)
    fast_sim.faults.add(rewritten("/v1/customers/search", {"lateComer": 1}, last=True))
    with quiet():
        tap = TapKustomer(
            config={**fast_sim.config, **settings, "page_size": 100}, clock=Clock(FAST)
        )
        for stream in tap.own_streams.values():
            stream.selected = stream.name == "customers"
        tap.sync_all()
    assert tap.client.ledger.findings["known-attributes"].places == ["customers.lateComer"]


def rewritten(path: str, change: dict[str, Any], *, last: bool = False) -> Fault:
    """Return a fault that gives rows of the answers at ``path`` other attributes."""

    def rewrite(document: dict[str, Any]) -> dict[str, Any]:
        rows = document["data"]
        for row in rows[-1:] if last else rows:
            row["attributes"].update(change)
        return document

    return Fault("rewrite", path=path, times=None, rewrite=rewrite)
