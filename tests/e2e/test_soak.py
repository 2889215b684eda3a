"""The endurance run in its short form, and that its comparison would notice a loss."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.e2e.project import MeltanoProject
from tools.soak.endurance import Endurance
from tools.soak.life import CONTEXTS
from tools.soak.plan import Plan
from tools.soak.truth import compare

SWITCH_DELETED = (
    "update customers set _sdc_deleted_at = case when _sdc_deleted_at is null then now() end"
)
SECONDS = 40.0  # and what the quiet run at the end takes


@pytest.fixture(scope="module")
def endured(
    installed_project: MeltanoProject, tmp_path_factory: pytest.TempPathFactory
) -> Endurance:
    """Return a short endurance run that is over."""
    plan = Plan(
        loader=installed_project.executable("target-duckdb", "target-duckdb-no-header"),
        seconds=SECONDS,
        chapter_seconds=SECONDS,
        seed=5,
        speed=60.0,
        customers=60,
    )
    endurance = Endurance(plan, tmp_path_factory.mktemp("soak"), print)
    endurance.go()
    return endurance


def test_no_row_is_lost_whatever_happens(endured: Endurance) -> None:
    """Faults, limits, kills and an org that changes all the time."""
    report = endured.report

    assert report.failures == []
    assert report.differences == []
    assert report.compared > 2500
    assert report.runs.total() > Plan.fewest_runs
    assert report.faults.total() > 0
    assert report.kills.total() > 0


@pytest.mark.parametrize(
    ("loss", "noticed"),
    [
        ("delete from customers where id = ?", "is missing"),
        ("update customers set updated_at = updated_at - interval 1 second where id = ?", "is of"),
        ("update customers set name = 'an older name' where id = ?", "has another name"),
        (f"{SWITCH_DELETED} where id = ?", "deleted is"),
        ("update customers set id = 'unknown' where id = ?", "is not in the org"),
    ],
    ids=["lost", "old_version", "other_value", "deleted_flag", "unknown_id"],
)  # fmt: skip
def test_the_comparison_notices(
    endured: Endurance, tmp_path: Path, loss: str, noticed: str
) -> None:
    """A run that reports no difference would otherwise prove nothing."""
    database = tmp_path / "damaged.duckdb"
    database.write_bytes(endured.database.read_bytes())
    with duckdb.connect(str(database)) as connection:
        connection.execute(loss, [endured.org.ids("customer")[3]])

    _, differences = compare(endured.org, database, CONTEXTS)

    assert any(noticed in difference.what for difference in differences)
    assert {difference.stream for difference in differences} == {"customers"}
