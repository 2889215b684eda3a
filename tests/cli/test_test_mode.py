"""`--test`: one row of every stream, and the status says whether all can be read."""

from __future__ import annotations

from pathlib import Path

from simulator import Org, Simulator
from tests.support import run_tap


def test_one_row_of_each_stream_is_read(sim: Simulator, tmp_path: Path) -> None:
    """Enough to see that key, roles and schemas work."""
    sim.org.add("customer", 30)
    sim.org.add("tag", 3)

    output = run_tap(sim.config, "--test", folder=tmp_path)

    assert output.status == 0, output.stderr
    assert output.counts["customers"] == 1
    assert output.counts["tags"] == 1


def test_children_give_one_row_too(sim: Simulator, tmp_path: Path) -> None:
    """Whichever parent has it."""
    for id_ in sim.org.add("conversation", 3):
        sim.org.add("customer_event", 2, parents={"conversation": id_})
    children = ["conversation_events", "conversation_forwards"]

    output = run_tap({**sim.config, "optional_streams": children}, "--test", folder=tmp_path)

    assert output.status == 0, output.stderr
    assert output.counts["conversations"] == output.counts["conversation_events"] == 1


def test_a_stream_without_role_or_endpoint_is_no_failure(tmp_path: Path) -> None:
    """It is what it is in a run: a warning that says what to do."""
    roles = ["org.permission.search.create", "org.permission.klass.read"]
    with Simulator(org=Org(seed=1, roles=roles)) as sim:
        sim.org.add("customer", 3)
        sim.refuse("/v1/routing/*", 404)

        output = run_tap(sim.config, "--test", folder=tmp_path)

    assert output.status == 0, output.stderr
    assert "org.permission.user.read" in output.stderr
    assert "Traceback" not in output.stderr


def test_a_stream_that_cannot_be_read_fails_the_test(sim: Simulator, tmp_path: Path) -> None:
    """A refused search is no matter of roles."""
    sim.set(refused_contexts=("customer",))

    output = run_tap(sim.config, "--test", folder=tmp_path)

    assert output.status == 1
    assert "customers" in output.stderr
    assert "Traceback" not in output.stderr


def test_schemas_alone_need_no_rows(sim: Simulator, tmp_path: Path) -> None:
    """A target can make its tables beforehand."""
    output = run_tap(sim.config, "--test=schema", folder=tmp_path)

    assert output.status == 0
    assert "customers" in output.streams
    assert not output.of_type("RECORD")
