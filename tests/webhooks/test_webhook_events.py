"""The stream `webhook_events`: every event of the spool once, and none removed too early."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from tap_kustomer.webhooks.events import read_event
from tap_kustomer.webhooks.spool import Spool
from tests.support import Output, catalog_of, run_tap, sync_tap
from tests.webhooks.support import change, event, spooled_ids

STREAM = "webhook_events"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool with three events, whose loaded events may leave at once."""
    path = tmp_path / "spool"
    with Spool(path, create=True) as new:
        new.set_keep(0)
    fill(path, [1, 2, 3])
    return path


def fill(path: Path, numbers: Iterable[int], **members: Any) -> None:
    """Let events arrive."""
    with Spool(path) as spool:
        for number in numbers:
            spool.append([read_event(json.dumps(event(number, **members)).encode())])


def config_of(sim: Simulator, spool: Path, **settings: Any) -> dict[str, Any]:
    """Return the config of a tap that reads the spool."""
    return {
        **sim.config,
        "optional_streams": [STREAM],
        "webhook_spool": str(spool),
        **settings,
    }


def sync(sim: Simulator, spool: Path, state: Any = None, **settings: Any) -> Output:
    """Return a run over the stream."""
    return sync_tap(config_of(sim, spool, **settings), [STREAM], state=state)


def numbers_of(output: Output) -> list[int]:
    """Return which events came, in order."""
    return [int(row["id"], 16) for row in output.records(STREAM)]


def test_a_row_says_what_changed_and_holds_no_object(sim: Simulator, spool: Path) -> None:
    """The object comes by polling; a second copy of personal data is nobody's wish."""
    fill(spool, [4], meta={"note": "whispered"})
    output = sync(sim, spool)

    assert output.status == 0
    row = output.records(STREAM)[-1]
    assert row.pop("received_at")
    assert row == {
        "id": event(4)["id"],
        "sequence": 4,
        "event": "kustomer.conversation.update",
        "object_type": "conversation",
        "object_id": "60277f56264a9600131673d4",
        "org_id": sim.org.org_id,
        "org_name": "acme",
        "created_at": "2026-01-02T03:04:05.678Z",
        "changes": event()["changes"],
        "client": "api-gw",
        "partition": sim.org.org_id,
        "persist": True,
        "data": None,
        "_sdc_deleted_at": None,
        "extra_attributes": None,
    }
    assert "whispered" not in json.dumps(output.messages)


def test_the_object_comes_along_when_it_is_wanted(sim: Simulator, spool: Path) -> None:
    """And with it what nobody knew of, but never a secret."""
    user = {"type": "user", "id": "u", "attributes": {"name": "Ann", "password": "hush"}}
    change = {"password": {"op": "replace", "before": "hush", "after": "hush2"}}
    fill(spool, [4], data=user, changes={"attributes": change}, meta={"new": 1}, sequence=99)

    output = sync(sim, spool, webhook_events_data=True)

    first, *_, last = output.records(STREAM)
    assert first["data"] == event()["data"]
    assert last["data"]["attributes"] == {"name": "Ann"}
    assert last["extra_attributes"] == {"meta": {"new": 1}}
    assert last["sequence"] == 4
    assert "hush" not in json.dumps(output.messages)


def test_a_run_brings_what_came_since_the_last_one(sim: Simulator, spool: Path) -> None:
    """Incremental by sequence: events arrive in no order of their own times."""
    first = sync(sim, spool)
    nothing = sync(sim, spool, first.state)
    fill(spool, [9, 7])
    second = sync(sim, spool, nothing.state)

    assert (numbers_of(first), numbers_of(nothing), numbers_of(second)) == ([1, 2, 3], [], [9, 7])
    assert [one.status for one in (first, nothing, second)] == [0, 0, 0]


def test_events_stay_until_the_state_that_passed_them_came_back(
    sim: Simulator, spool: Path
) -> None:
    """A target that dies with them in its hands has not loaded them."""
    first = sync(sim, spool)
    again = sync(sim, spool)  # the state of the first was lost

    assert numbers_of(first) == numbers_of(again) == [1, 2, 3]
    assert len(spooled_ids(spool)) == 3

    fill(spool, [4])
    next_one = sync(sim, spool, again.state)

    assert numbers_of(next_one) == [4]
    assert spooled_ids(spool) == [event(4)["id"]]


def test_loaded_events_stay_as_long_as_they_shall(sim: Simulator, spool: Path) -> None:
    """Who loads into the wrong table wants them again."""
    with Spool(spool) as opened:
        opened.set_keep(3600)
    state = sync(sim, spool).state
    sync(sim, spool, state)
    assert len(spooled_ids(spool)) == 3

    change(spool, "UPDATE events SET received_at = '2020-01-01' WHERE sequence < 3")
    sync(sim, spool, state)
    assert spooled_ids(spool) == [event(3)["id"]]


def test_a_replay_of_a_removed_event_does_not_come_again(sim: Simulator, spool: Path) -> None:
    """Its id is remembered for longer than it is kept."""
    state = sync(sim, spool, sync(sim, spool).state).state
    assert spooled_ids(spool) == []
    fill(spool, [2])

    assert numbers_of(sync(sim, spool, state)) == []


def test_another_pipeline_is_told_what_it_missed(sim: Simulator, spool: Path) -> None:
    """Two that read one spool take events from each other."""
    old = sync(sim, spool).state
    fill(spool, [4, 5])
    other = sync(sim, spool, old)
    sync(sim, spool, other.state)
    fill(spool, [6])

    late = sync(sim, spool, old)

    assert (late.status, numbers_of(late)) == (0, [6])
    assert "were loaded by other runs and removed" in late.stderr


def test_a_new_spool_is_read_from_its_beginning(sim: Simulator, spool: Path) -> None:
    """Its numbers begin anew: those in the state would leave its first events out."""
    state = sync(sim, spool).state
    for file in spool.parent.glob("spool*"):
        file.unlink()
    with Spool(spool, create=True):
        pass
    fill(spool, [11, 12])

    output = sync(sim, spool, state)

    assert numbers_of(output) == [11, 12]
    assert "another spool" in output.stderr
    assert numbers_of(sync(sim, spool, output.state)) == []


def test_a_spool_from_a_copy_is_read_from_its_beginning(sim: Simulator, spool: Path) -> None:
    """Behind the copy, numbers are given to other events a second time."""
    copy = spool.read_bytes()
    fill(spool, [4, 5])
    state = sync(sim, spool).state
    spool.write_bytes(copy)
    fill(spool, [24, 25, 26])

    output = sync(sim, spool, state)

    assert numbers_of(output) == [1, 2, 3, 24, 25, 26]
    assert "put back from a copy" in output.stderr


def test_a_spool_of_another_org_fails_the_stream(sim: Simulator, tmp_path: Path) -> None:
    """Ids of two orgs in one table cannot be told apart."""
    path = tmp_path / "other"
    with Spool(path, create=True):
        pass
    fill(path, [1], org="5f0c5e1dd0a1b2c3d4e5f602")

    output = sync(sim, path)

    assert (output.status, output.records(STREAM)) == (1, [])
    assert "events of another Kustomer org" in output.stderr


def test_a_spool_that_cannot_be_read_fails_the_stream_by_name(
    sim: Simulator, spool: Path, tmp_path: Path
) -> None:
    """An empty table would look like a quiet day."""
    text = tmp_path / "text"
    text.write_text("no database" * 1000)
    found = {
        "`webhook_spool` is not set": sync_tap(
            {**sim.config, "optional_streams": [STREAM]}, [STREAM]
        ),
        "There is no spool": sync(sim, tmp_path / "missing"),
        "not a spool of kustomer-webhooks": sync(sim, text),
    }
    change(spool, "PRAGMA user_version = 2")
    found["format 2"] = sync(sim, spool)

    for sentence, output in found.items():
        assert output.status == 1
        assert sentence in output.stderr
        assert f"{STREAM}: " in output.stderr


def test_a_full_refresh_empties_no_table(sim: Simulator, spool: Path) -> None:
    """Events that left the spool are nowhere but in the target."""
    config = config_of(sim, spool, emit_activate_version_messages=True)
    catalog = catalog_of(config, [STREAM])
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["forced-replication-method"] = "FULL_TABLE"
        entry["replication_method"] = "FULL_TABLE"

    output = sync_tap(config, [STREAM], catalog=catalog, state=sync(sim, spool).state)

    assert numbers_of(output) == [1, 2, 3]
    assert not output.of_type("ACTIVATE_VERSION")
    assert len(spooled_ids(spool)) == 3


def test_many_events_come_with_states_between_them(sim: Simulator, spool: Path) -> None:
    """A run that is killed goes on behind the last state, and nothing is left out."""
    with Spool(spool) as opened:
        bodies = [json.dumps(event(number)).encode() for number in range(4, 1804)]
        opened.append([read_event(body) for body in bodies])
    whole = sync(sim, spool)
    every = list(range(1, 1804))
    assert numbers_of(whole) == every

    position = 0
    for state in whole.states:
        moved = state["bookmarks"].get(STREAM, {}).get("replication_key_value", 0)
        assert moved >= position
        position = moved
    middle = whole.states[len(whole.states) // 2]
    done = middle["bookmarks"][STREAM]["replication_key_value"]
    assert 0 < done < 1803
    # Up to this state all rows were written before it.
    place = [one.get("value") for one in whole.messages].index(middle)
    before = [one for one in whole.messages[:place] if one["type"] == "RECORD"]
    assert len(before) == done
    assert numbers_of(sync(sim, spool, middle)) == every[done:]


def test_the_tap_needs_nothing_of_the_extra(sim: Simulator, spool: Path, tmp_path: Path) -> None:
    """Who reads a spool need not be able to fill it."""
    (tmp_path / "blocked").mkdir()
    for name in ("starlette", "uvicorn", "anyio"):
        (tmp_path / "blocked" / f"{name}.py").write_text("raise ImportError")

    output = run_tap(
        config_of(sim, spool),
        select=[STREAM],
        folder=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "blocked")},
    )

    assert (output.status, numbers_of(output)) == (0, [1, 2, 3])


def test_the_preflight_looks_into_the_spool(sim: Simulator, spool: Path, tmp_path: Path) -> None:
    """A wrong path shows before the first night."""
    whole = run_tap(config_of(sim, spool), "--check", select=[STREAM], folder=tmp_path)
    missing = config_of(sim, tmp_path / "missing")
    broken = run_tap(missing, "--check", select=[STREAM], folder=tmp_path)

    assert (whole.status, broken.status) == (0, 1)
    assert "There is no spool" in " ".join(broken.stdout.split())
