"""The SDK's standard tests for taps, on a seeded org.

The suite is made when this module is imported, so its simulator starts here.
"""

from __future__ import annotations

import atexit

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from simulator import Org, Simulator
from tap_kustomer.tap import TapKustomer

_org = Org(seed=3)
_org.seed(customers=30)
_sim = Simulator(org=_org, limits=False, work_items_list=True).__enter__()
atexit.register(_sim.__exit__, None, None, None)

TestTapKustomer = get_tap_test_class(
    TapKustomer,
    config={
        **_sim.config,
        "start_date": "2015-01-01",
        "search_requests_per_minute": 10_000,  # no test waits for the budget of a minute
        "requests_per_minute": 100_000,
    },
    suite_config=SuiteConfig(
        max_records_limit=150,
        # Its rows are about the streams of a whole run, and the suite runs single streams.
        ignore_no_records_for_streams=["sync_runs"],
    ),
)
# The suite warns for each column that is null in all rows of a small org; not each can have one.
TestTapKustomer.pytestmark = [  # type: ignore[attr-defined]  # pytest's own, on any class
    pytest.mark.filterwarnings("ignore:No records were available to test:UserWarning"),
]
