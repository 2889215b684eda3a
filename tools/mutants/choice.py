"""Which modules are mutated, and which tests have to notice: those that concern the module.

Only tests that run the tap inside their own process can: a process of its own reads the code as
it is. The quickest come first, since the first failure ends the tests of a mutant.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["modules", "quick", "tests_of"]

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tap_kustomer"
# They have been added with tests of their own and belong to other streams.
LEFT_OUT = {"readers/census.py", "readers/existence.py"}

_READERS = "tests/readers/"
_STREAMS = "tests/streams/"
_CLIENT = "tests/client/"
_ALONE = f"{_READERS}searches/"  # the readers of searches in memory: the quickest of all
_IN_MEMORY = (
    _ALONE,
    *(f"{_CLIENT}test_{name}.py" for name in ("codec", "answers", "noted", "tries")),
    *(f"{_CLIENT}test_{name}.py" for name in ("troubles", "turns", "transport", "origins")),
    f"{_READERS}test_list_walks.py",
    f"{_READERS}test_walks.py",
    *(
        f"{_READERS}test_{name}.py"
        for name in ("single_lists", "list_pages", "seen_versions", "slice_model")
    ),
)
_SEARCHES = (
    f"{_READERS}test_tail_reader.py",
    f"{_READERS}test_partial_answers.py",
    f"{_READERS}test_closing_count.py",
    f"{_READERS}test_archive.py",
    f"{_READERS}test_drift.py",
    f"{_READERS}test_index_lag.py",
)
_LISTS = (
    f"{_READERS}test_list_walks.py",
    f"{_STREAMS}test_whole_lists.py",
    f"{_STREAMS}test_lists.py",
)
_REQUESTS = (
    f"{_CLIENT}test_refusals.py",
    f"{_CLIENT}test_fuzz_headers.py",
    f"{_CLIENT}test_faults.py",
    f"{_CLIENT}test_errors.py",
)

TESTS: dict[str, tuple[str, ...]] = {
    "sync.py": (
        "tests/test_sync.py",
        "tests/test_failing_streams.py",
        "tests/test_vanished.py",
        f"{_CLIENT}test_refusals.py",
        f"{_STREAMS}test_children.py",
        f"{_STREAMS}test_parents.py",
        f"{_READERS}test_overlap.py",
    ),
    "client/auth.py": (
        f"{_CLIENT}test_origins.py",
        f"{_CLIENT}test_transport.py",
        f"{_CLIENT}test_secrets.py",
    ),
    "client/codec.py": (
        f"{_CLIENT}test_codec.py",
        "tests/rows/test_direct_rows.py",
        f"{_CLIENT}test_faults.py",
    ),
    "client/failures.py": (f"{_CLIENT}test_troubles.py", *_REQUESTS, f"{_CLIENT}test_network.py"),
    "client/host.py": (f"{_CLIENT}test_network.py", *_REQUESTS),
    "client/noted.py": (f"{_CLIENT}test_noted.py",),
    "client/rate_limit.py": (f"{_CLIENT}test_turns.py", f"{_CLIENT}test_rate_limit.py"),
    "client/responses.py": (f"{_CLIENT}test_answers.py", f"{_CLIENT}test_turns.py", *_REQUESTS),
    "client/retries.py": (f"{_CLIENT}test_tries.py", *_REQUESTS),
    "client/transport.py": (
        f"{_CLIENT}test_transport.py",
        *_REQUESTS,
        f"{_CLIENT}test_network.py",
        f"{_CLIENT}test_secrets.py",
    ),
    "readers/children.py": (
        f"{_READERS}test_single_lists.py",
        f"{_STREAMS}test_children.py",
        f"{_STREAMS}test_parents.py",
    ),
    "readers/cursor.py": (f"{_READERS}test_cursor_reader.py", f"{_STREAMS}test_audit_logs.py"),
    "readers/ids.py": (
        f"{_READERS}test_counted_ranges.py",
        f"{_STREAMS}test_census.py",
    ),
    "readers/months.py": (
        f"{_READERS}test_counted_ranges.py",
        f"{_STREAMS}test_census.py",
    ),
    "readers/list_page.py": (
        f"{_READERS}test_list_pages.py",
        *_LISTS,
        f"{_READERS}test_cursor_reader.py",
    ),
    "readers/lists.py": (f"{_READERS}test_single_lists.py", *_LISTS),
    "readers/prefetch.py": (f"{_READERS}test_prefetch.py", f"{_READERS}test_overlap.py"),
    "readers/negotiation.py": (f"{_READERS}test_negotiation.py", f"{_CLIENT}test_refusals.py"),
    "readers/sources.py": (f"{_READERS}test_sources.py", f"{_STREAMS}test_shared_search.py"),
    "readers/steps.py": _LISTS,
    "readers/versions.py": (
        f"{_READERS}test_seen_versions.py",
        f"{_READERS}test_versions.py",
        *_LISTS,
        f"{_READERS}test_cursor_reader.py",
    ),
    "readers/walks.py": (f"{_READERS}test_walks.py", *_LISTS),
    "readers/search/ask.py": (
        f"{_ALONE}test_asking.py",
        f"{_ALONE}test_totals.py",
        f"{_ALONE}test_page_sizes.py",
        f"{_ALONE}test_noted_searches.py",
        f"{_READERS}test_page_check.py",
        *_SEARCHES,
    ),
    "readers/search/slices.py": (
        f"{_ALONE}test_slice_plans.py",
        f"{_ALONE}test_slice_corrections.py",
        f"{_READERS}test_slice_model.py",
        f"{_READERS}test_slices.py",
    ),
    "readers/search/ties.py": (
        f"{_ALONE}test_same_moment.py",
        f"{_READERS}test_ties.py",
        f"{_READERS}test_ties_that_shrink.py",
        f"{_READERS}test_closing_count.py",
    ),
    "readers/search/coverage.py": (
        f"{_ALONE}test_covering.py",
        f"{_READERS}test_slice_model.py",
        *_SEARCHES,
    ),
    "readers/search/count.py": (f"{_ALONE}test_counting.py", f"{_READERS}test_closing_count.py"),
    "readers/search/proof.py": (
        f"{_ALONE}test_runs.py",
        f"{_READERS}test_closing_count.py",
        "tests/test_resume.py",
    ),
    "readers/search/archive.py": (f"{_ALONE}test_runs.py", f"{_READERS}test_archive.py"),
    "readers/search/options.py": (f"{_ALONE}test_runs.py", f"{_READERS}test_recount.py"),
    "readers/search/query.py": (
        f"{_ALONE}test_asking.py",
        f"{_ALONE}test_same_moment.py",
        f"{_ALONE}test_runs.py",
        *_SEARCHES,
    ),
    "readers/search/reader.py": (
        f"{_ALONE}test_runs.py",
        *_SEARCHES,
        f"{_READERS}test_recount.py",
    ),
    "readers/search/recount.py": (
        f"{_ALONE}test_looking_again.py",
        f"{_ALONE}test_runs.py",
        f"{_READERS}test_recount.py",
    ),
    "readers/search/page.py": (
        f"{_ALONE}test_peeking.py",
        f"{_READERS}test_slice_model.py",
        *_SEARCHES,
    ),
    "readers/search/tail.py": (
        f"{_ALONE}test_following.py",
        f"{_READERS}test_tail_reader.py",
        f"{_READERS}test_index_lag.py",
        f"{_READERS}test_drift.py",
    ),
    "readers/search/window.py": (
        f"{_ALONE}test_windows.py",
        f"{_ALONE}test_following.py",
        f"{_READERS}test_tail_reader.py",
        f"{_READERS}test_index_lag.py",
        f"{_READERS}test_drift.py",
    ),
    "readers/search/keyset.py": (
        f"{_ALONE}test_keysets.py",
        f"{_READERS}test_slice_model.py",
        *_SEARCHES,
    ),
    "readers/search/emitted.py": (
        f"{_ALONE}test_emitting.py",
        f"{_READERS}test_simpler_rules.py",
        *_SEARCHES,
    ),
    "readers/search/emission.py": (
        f"{_ALONE}test_emitting.py",
        f"{_READERS}test_simpler_rules.py",
        *_SEARCHES,
    ),
}


def modules() -> list[str]:
    """Return the modules that are mutated, below the package."""
    found = [*PACKAGE.glob("readers/**/*.py"), *PACKAGE.glob("client/*.py"), PACKAGE / "sync.py"]
    names = {str(path.relative_to(PACKAGE)) for path in found if path.stat().st_size > 100}  # noqa: PLR2004 - more than a docstring
    return sorted(names - LEFT_OUT)


def tests_of(module: str) -> tuple[str, ...]:
    """Return the tests for a module, by its path below the package."""
    return TESTS.get(module, _SEARCHES)


def quick(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``tests`` that run in memory, or else the first of them."""
    return tuple(one for one in tests if one.startswith(_IN_MEMORY)) or tests[:1]
