"""What an admin changes between two runs of Meltano leaves tables and columns as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from simulator import Org, Simulator
from tests.e2e.project import MeltanoProject

JOB = "kustomer-to-duckdb"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A small org with custom attributes and two klasses."""
    org = Org(seed=12)
    org.seed(customers=20)
    org.set_attribute("customer", "tierStr", displayName="Tier")
    org.set_attribute("customer", "debtNum", displayName="Debt")
    with Simulator(org, work_items_list=True) as served:
        yield served


def columns(project: MeltanoProject) -> dict[tuple[str, str], str]:
    """Return the type of each column of each table."""
    rows = project.query(
        "select table_name, column_name, data_type from information_schema.columns"
    )
    return {(table, column): kind for table, column, kind in rows}


def test_attributes_and_klasses_that_change_move_no_table(
    project: MeltanoProject, simulator: Simulator
) -> None:
    """Every column stays with its type and rows; what is new comes beside it."""
    org, project = simulator.org, project.reading(simulator)
    (old,) = org.add("customer", custom={"tierStr": "gold", "debtNum": 1})
    project.meltano("run", JOB)
    before = columns(project)
    orders = project.query("select count(*) from kobject_ecomm_order")

    org.set_attribute("customer", "cityStr", displayName="City")
    org.set_attribute("customer", "tierStr", displayName="Level of loyalty")
    org.set_attribute("customer", "debtNum", displayName="Debt", type="string")
    org.delete_attribute("customer", "newsletterBool")
    org.delete_attribute("customer", "lifetimeValueNum", erase=True)
    org.rename_klass_display("subscription", "Plans")
    org.set_klass_status("device", "disabled")
    org.add_klass("ecomm_order", attributes={"noteTxt": {"displayName": "Note"}})
    now = org.clock.now()
    org.add("kobject_ecomm_order", 2, updated_at=now)
    (new,) = org.add("customer", updated_at=now, custom={"cityStr": "Porto", "debtNum": "12.5"})
    project.meltano("run", JOB)
    after = columns(project)

    assert {place: after.get(place) for place in before} == before
    (added,) = {table for table, _ in after} - {table for table, _ in before}
    assert added.startswith("kobject_ecomm_order_")
    assert project.query(f"select count(*) from {added}") == [(2,)]  # noqa: S608 - a table's name
    assert project.query("select count(*) from kobject_ecomm_order") == orders

    customs = dict(project.query("select id, custom from customers where id in (?, ?)", old, new))
    kept = {name: json.loads(customs[old])[name] for name in ("tierStr", "debtNum")}
    assert kept == {"tierStr": "gold", "debtNum": 1}
    arrived = {name: json.loads(customs[new])[name] for name in ("cityStr", "debtNum")}
    assert arrived == {"cityStr": "Porto", "debtNum": 12.5}
