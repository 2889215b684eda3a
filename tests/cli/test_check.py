"""The preflight: what the key may read, which roles it lacks, how long a first extract takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from simulator import Org, Simulator
from tests.support import catalog_of, run_tap


def check(sim: Simulator, folder: Path, **options: Any) -> tuple[int, dict[str, Any]]:
    """Return status and table of a preflight for machines."""
    config = {**sim.config, **options.pop("config", {})}
    output = run_tap(config, "--check", "--format", "json", folder=folder, **options)
    return output.status, json.loads(output.stdout)


def row(found: dict[str, Any], stream: str) -> dict[str, Any]:
    """Return the row of a stream."""
    return next(one for one in found["streams"] if one["stream"] == stream)


def test_rows_and_requests_are_those_of_a_full_extract(sim: Simulator, tmp_path: Path) -> None:
    """A user plans the first sync by them."""
    sim.org.add("customer", 1234)
    sim.org.add("user", 3)

    status, found = check(sim, tmp_path)

    assert status == 0
    assert found["works"] is True
    assert row(found, "customers")["rows"] == 1234
    assert row(found, "customers")["searches"] == 3
    assert row(found, "users")["rows"] == 3
    assert row(found, "users")["requests"] == 2  # active and deactivated ones
    assert found["searches_per_minute"] == 80


def test_archived_rows_count_when_the_start_date_reaches_back(
    sim: Simulator, tmp_path: Path
) -> None:
    """They come from another search, with requests of its own."""
    sim.org.add("customer", 700, updated_at="2020-05-05T00:00:00.000Z")
    sim.org.add("customer", 10)

    _, found = check(sim, tmp_path, config={"start_date": "2019-01-01"})

    assert row(found, "customers")["rows"] == 710
    assert row(found, "customers")["searches"] == 3


def test_minutes_follow_from_the_share_of_the_search_budget(sim: Simulator, tmp_path: Path) -> None:
    """1,000 pages of one row at half of 200 searches a minute take ten minutes."""
    sim.org.add("customer", 1000)

    _, found = check(
        sim,
        tmp_path,
        config={
            "page_size": 1,
            "search_requests_per_minute": 200,
            "api_utilization_percentage": 50,
        },
        select=["customers"],
    )

    assert found["searches_per_minute"] == 100
    assert found["minutes"] == 10


def test_a_missing_role_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    """Roles of a key cannot be changed later, so all that are missing are listed at once."""
    roles = ["org.permission.search.create", "org.permission.klass.read"]
    with Simulator(org=Org(seed=1, roles=roles)) as sim:
        status, found = check(sim, tmp_path)

    assert status == 1
    assert row(found, "users")["readable"] == "no"
    assert "org.permission.user.read" in found["missing_roles"]
    assert row(found, "customers")["readable"] == "yes"


def test_only_selected_streams_decide_the_status(tmp_path: Path) -> None:
    """A key made for customers alone is good enough to read customers."""
    with Simulator(org=Org(seed=1, roles=["org.permission.search.create"])) as sim:
        catalog = catalog_of(sim.config, ["customers"])
        status, found = check(sim, tmp_path, catalog=catalog)

    assert status == 0
    assert row(found, "users")["selected"] is False


def test_a_list_that_the_org_does_not_have_is_no_failure(sim: Simulator, tmp_path: Path) -> None:
    """Not every org has every module."""
    sim.refuse("/v1/shortcuts", 404)

    status, found = check(sim, tmp_path)

    assert status == 0
    assert row(found, "shortcuts")["readable"] == "absent"


def test_a_wrong_key_ends_in_one_sentence(sim: Simulator, tmp_path: Path) -> None:
    """There is no table when nothing can be read."""
    key = "wrong-key"
    output = run_tap({**sim.config, "api_key": key}, "--check", folder=tmp_path)

    assert output.status == 1
    assert output.stdout == ""
    assert "`api_key`" in output.stderr
    assert key not in output.stderr
    assert "Traceback" not in output.stderr


def test_the_table_for_people_has_no_colour_in_a_file(sim: Simulator, tmp_path: Path) -> None:
    """It is read in mails and logs."""
    sim.org.add("customer", 3)

    output = run_tap(sim.config, "--check", folder=tmp_path)

    assert output.status == 0
    assert "\x1b" not in output.stdout
    assert "customers" in output.stdout
    assert "A first sync takes about a minute or more" in output.stdout


def test_the_table_fits_80_columns_and_puts_failures_first(tmp_path: Path) -> None:
    """A terminal's width; what has to be done is not below thirty lines of yes."""
    roles = ["org.permission.search.create", "org.permission.klass.read", "org.permission.tag.read"]
    org = Org(seed=1, roles=roles)
    org.add("customer", 1234)
    with Simulator(org=org) as sim:
        sim.refuse("/v1/shortcuts", 404)
        output = run_tap({**sim.config, "start_date": "2025-03-01"}, "--check", folder=tmp_path)

    lines = output.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() and line for line in lines)
    access = [line.split()[1] for line in lines if re.match(r" \w+ +(yes|no|n/a) *", line)]
    assert access == sorted(access, key=lambda one: one != "no")
    assert {"yes", "no", "n/a"} == set(access)
    text = " ".join(output.stdout.split())
    assert "total of the selected" in text
    assert "Searches count rows updated since 2025-03-01;" in text
    assert "org.permission.user.read for users" in text
    assert "org.permission.snooze.read (a guess) for snoozes" in text
    assert "n/a: not part of this org, no rows: shortcuts." in text
