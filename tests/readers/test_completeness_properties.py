"""Whatever happens to an org while it is read: nothing is lost, and no bookmark passes a row.

Five hundred trials run at the reader's seam, fifty through the whole tap.
``HYPOTHESIS_PROFILE=long`` runs thousands of new ones of each.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.draws import several, share, some, whole
from tests.readers.seam import read_customers
from tests.readers.trials import DAY, Trial, examples, run_trial, through_the_tap, trials

settings.load_profile("trials")

TIES_AND_MOVING_ROWS = trials(
    ties=several(whole(2, 45), 0, 3),
    ties_share_creation=some([False, True]),
    missing_creation=some([0.0, 0.0, 0.2, 1.0]),
    drift=some([0.0, 0.2, 0.4]),
    arrivals=some([0.0, 0.2]),
    twins=some([0.0, 0.3]),
    fresh=some([0.0, 0.0, 0.3, 1.0]),
)
LATE_INDEX = trials(
    ties=several(whole(2, 20), 0, 2),
    lag=some([0.0, 5.0, 20.0, 60.0]),
    lookback=some([60, 120]),
    fresh=some([0.1, 0.5, 1.0]),
    fresh_documents=some([False, True]),
    drift=some([0.0, 0.2, 0.4]),
    arrivals=some([0.0, 0.2]),
    twins=some([0.0, 0.3]),
    jump=some([0.0, 1.0, 15.0]),
)
TWO_YEAR_EDGE = trials(
    old=some([0.0, 0.3, 0.6]),
    at_edge=some([0.1, 0.3, 0.6]),
    edge_offset=share(-0.9 * DAY, 0.9 * DAY),
    ties=several(whole(2, 20), 0, 2),
    jump=some([0.0, 600.0, 3_600.0]),
    drift=some([0.0, 0.2, 0.4]),
    lookback=some([300]),
)
KILLED_AT_THE_EDGE = trials(
    rows=whole(10, 90),
    kill=share(),
    between=some([0.0, 1_800.0, 20_000.0, 1.5 * DAY, 4 * DAY]),
    old=some([0.0, 0.2]),
    at_edge=some([0.1, 0.3]),
    at_org_edge=some([0.3, 0.6]),
    edge_offset=some([days * DAY for days in (-10, -0.5, 0, 0.02, 0.5, 1.5, 3, 10, 200)]),
    jump=some([0.0, 60.0, 600.0, 3_600.0]),
    lookback=some([300]),
)
FAULTS = trials(
    rows=whole(0, 60),
    faults=several(
        some(["timed_out", "short_page", "empty_page", "shrink_total", "status", "truncated"]), 1, 2
    ),
    clamp=some([None, None, 3, 6]),
    ties=several(whole(2, 20), 0, 2),
    drift=some([0.0, 0.2]),
    fresh=some([0.0, 0.3]),
)


# ---------------------------------------------------------------- at the reader's seam


@settings(max_examples=examples(80))
@given(trial=TIES_AND_MOVING_ROWS)
def test_ties_and_moving_rows_lose_nothing(trial: Trial) -> None:
    """Groups of one timestamp, larger than a page, while rows are updated."""
    run_trial(trial, read_customers)


@settings(max_examples=examples(80))
@given(trial=LATE_INDEX)
def test_a_late_index_loses_nothing(trial: Trial) -> None:
    """Runs shorter and longer than the lookback, documents fresher than their place."""
    run_trial(trial, read_customers)


@settings(max_examples=examples(100))
@given(trial=TWO_YEAR_EDGE)
def test_the_two_year_edge_loses_nothing(trial: Trial) -> None:
    """Rows cross from one search to the other while they are read."""
    run_trial(trial, read_customers)


@settings(max_examples=examples(150))
@given(trial=KILLED_AT_THE_EDGE)
def test_a_run_killed_at_the_edge_loses_nothing(trial: Trial) -> None:
    """The edge lies hours or months off, and has moved on before the next run."""
    run_trial(trial, read_customers)


@settings(max_examples=examples(100))
@given(trial=FAULTS)
def test_faults_lose_nothing(trial: Trial) -> None:
    """Partial answers, broken ones, a page size that Kustomer makes smaller."""
    run_trial(trial, read_customers)


# ---------------------------------------------------------------- through the whole tap


@pytest.mark.parametrize(
    ("kind", "long"),
    [
        pytest.param(TIES_AND_MOVING_ROWS, 1_800, id="ties and moving rows"),
        pytest.param(LATE_INDEX, 1_800, id="a late index"),
        pytest.param(TWO_YEAR_EDGE, 1_200, id="the two-year edge"),
        pytest.param(KILLED_AT_THE_EDGE, 1_200, id="killed at the edge"),
        pytest.param(FAULTS, 1_200, id="faults"),
    ],
)
def test_the_whole_tap_loses_nothing(kind: st.SearchStrategy[Trial], long: int) -> None:
    """The same trials over HTTP, with real threads, to the last STATE line."""

    @settings(max_examples=examples(10, long=long))
    @given(trial=kind)
    def test(trial: Trial) -> None:
        run_trial(trial, through_the_tap)

    test()


def test_ties_among_fresh_rows_do_not_end_a_run_early() -> None:
    """To read the rows of one timestamp takes searches in which others come and move."""
    trial = Trial(
        seed=140,
        page_size=4,
        rows=17,
        ties=(42, 19, 19),
        missing_creation=0.2,
        fresh=0.3,
        drift=0.1,
        arrivals=0.1,
        concurrency=4,
    )
    runs = run_trial(trial, through_the_tap)
    assert not any("change faster" in run.stderr for run in runs)
