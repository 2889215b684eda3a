"""The recipes for BigQuery and Snowflake, as far as they run without an account: `make recipes`.

The loaders' own code makes columns of the tap's schemas and writes the tap's rows, values included.
That the warehouse takes what is written no test here can show.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tests.e2e.project import CHECKOUT
from tests.support import Output, run_tap

FLATTENED = {"flattening_enabled": True, "flattening_max_depth": 1}
NEEDS_A_LIMIT = {"webhook_events", "row_counts", "present_ids", "deletions"}  # real minutes


def output(folder: Path, **settings: Any) -> Output:
    """Return all that the tap prints of an org with custom attributes of every kind."""
    org = Org(seed=3)
    org.seed(customers=20)
    custom = {"amountNum": 12.5, "seenAt": "2026-01-02T03:04:05.678Z", "doneBool": True,
              "itemsId": ["x"], "sumsNum": [1, 2.5], "idStr": "1234567890123456"}  # fmt: skip
    for name, value in custom.items():
        org.set_attribute("customer", name, displayName=name, multi=isinstance(value, list))
    org.add("customer", custom=custom, updated_at=org.clock.now())
    with Simulator(org) as served:
        config = {
            **served.config,
            "start_date": "2015-01-01",
            "optional_streams": sorted({*OPTIONAL_STREAMS} - NEEDS_A_LIMIT),
            **settings,
        }
        done = run_tap(config, folder=folder)
    assert done.status == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def flattened(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Return what the tap prints as the recipes set it."""
    return output(tmp_path_factory.mktemp("flattened"), **FLATTENED)


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Return what the tap prints by default."""
    return output(tmp_path_factory.mktemp("nested"))


def translated(loader: str, printed: Output, *arguments: str) -> dict[str, Any]:
    """Return what the loader makes of the tap's output."""
    python = CHECKOUT / f".venv-target-{loader}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.parents[1].name} is not there: `make recipes` builds it")
    script = CHECKOUT / "tests" / "e2e" / f"{loader.partition('-')[0]}_translate.py"
    done = subprocess.run(
        [str(python), str(script), *arguments],
        input=printed.stdout, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


CASES = [
    *((loader, resolver) for loader in ("bigquery", "bigquery-0.6") for resolver in "12"),
    ("snowflake",),
]
IDS = [" ".join(case) for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_flattened_row_arrives_as_it_was_sent(
    flattened: Output, case: tuple[str, ...]
) -> None:
    """Every stream, every row, every value; into BigQuery by two loaders, with either resolver."""
    rows = sum(len(flattened.records(stream)) for stream in flattened.streams)

    assert translated(case[0], flattened, *case[1:]) == {"rows": rows, "broken": {}, "changed": []}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_without_flattening_the_load_would_end(nested: Output, case: tuple[str, ...]) -> None:
    """Once this fails, the loader takes nested values: the recipe may drop the flattening."""
    assert translated(case[0], nested, *case[1:])["broken"]
