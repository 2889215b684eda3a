"""One odd answer of any kind, anywhere: nothing is lost for good, kept too long or asked for ever.

``HYPOTHESIS_PROFILE=long`` runs thousands of new examples instead of the same some hundred. In
about three of four the odd answer comes: a run may ask less than the place that was drawn.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.readers.draws import drawn, share, some, whole
from tests.readers.odd_answers import CERTAIN, KINDS, PARTS
from tests.readers.odd_trials import OddTrial, run_odd_trial
from tests.readers.trials import examples

trials = settings.get_profile("trials")
# What happens a few times in a row, or until the run ends, must be told from the truth.
LASTING = sorted(set(KINDS) - CERTAIN - PARTS)


def odd(*areas: str) -> st.SearchStrategy[OddTrial]:
    """Return trials whose odd answer comes in one of these areas."""

    def odd_trial(*, is_lasting: bool, once: str, often: str, times: int, **other: Any) -> OddTrial:
        if is_lasting:
            return OddTrial(kind=often, times=times, **other)
        return OddTrial(kind=once, **other)

    return drawn(
        odd_trial,
        is_lasting=some([False, False, True]),
        once=some(sorted(KINDS)),
        often=some(LASTING),
        times=some([2, 3, 8, 999]),
        area=some(areas),
        run=some([0, 1, 1]),
        place=share(0, 0.999_999),
        seed=whole(0, 100_000),
        page_size=whole(4, 10),
        rows=whole(0, 45),
        changes=whole(0, 8),
        lag=some([0.0, 30.0]),
        concurrency=whole(1, 3),
    )


@settings(trials, max_examples=examples(100))
@given(trial=odd("search", "search", "archive"))
def test_an_odd_answer_of_a_search_loses_nothing(trial: OddTrial) -> None:
    """Rows, their last versions and the marks of deletion are there after the next calm run."""
    run_odd_trial(trial)


@settings(trials, max_examples=examples(65))
@given(trial=odd("list"))
def test_an_odd_answer_of_a_list_neither_loses_nor_keeps_rows(trial: OddTrial) -> None:
    """ACTIVATE_VERSION tells the target to drop what was not seen: never for a part."""
    run_odd_trial(trial)


@settings(trials, max_examples=examples(50))
@given(trial=odd("cursor", "cursor", "child"))
def test_an_odd_answer_of_the_log_or_a_child_loses_nothing(trial: OddTrial) -> None:
    """The log is where deletions are told, and nothing else tells of them."""
    run_odd_trial(trial)


@settings(trials, max_examples=examples(50))
@given(trial=odd("klasses", "metadata", "start"))
def test_an_odd_answer_in_discovery_loses_no_stream_and_no_column(trial: OddTrial) -> None:
    """A klass that is not listed would be a table that stands still."""
    run_odd_trial(trial)
