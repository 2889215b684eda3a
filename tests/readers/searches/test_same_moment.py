"""Rows of one timestamp, told apart by their creation or walked by page number, in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tap_kustomer.errors import NotFoundError, RequestRefusedError, StreamError
from tap_kustomer.readers.search.query import Bounds
from tap_kustomer.readers.search.ties import TieReader
from tests.readers.searches.in_memory import (
    Client,
    Index,
    Row,
    answer_of,
    at,
    scripted,
    search_of,
)

PAGE = 5
MOMENT = 7.0


def ties(count: int, created: Callable[[int], float | None], prefix: str = "") -> list[Row]:
    """Return rows of the moment; ``created`` tells when each was."""
    made = [created(n) for n in range(count)]
    return [
        Row(f"{prefix}{n}", at(MOMENT), None if one is None else at(one))
        for n, one in enumerate(made)
    ]


def read(
    answer: Callable[[Any], Any],
    *,
    shown: bool = False,
    created: str | None = "customer_created_at",
    size: int = PAGE,
) -> tuple[set[str], int, Client]:
    """Return the ids that are read, how many rows the reader says it read, and the client."""
    search, client = search_of(answer, page_size=size, created_attribute=created)
    group = search.ask(Bounds(at(MOMENT), at(MOMENT))) if shown else None
    ids = set() if group is None else {str(one) for one in group.ids}
    reader = TieReader(search)
    for page in reader.read(at(MOMENT), group):
        ids |= {str(one) for one in page.ids}
    return ids, reader.rows, client


def numbers(client: Client) -> list[int]:
    """Return the page numbers that were asked for."""
    return [one.params["page"] for one in client.sent]


def without_totals(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the same search, that tells no totals."""
    return lambda request: {**answer(request), "meta": {}}


def shuffled(index: Index, seed: int = 1) -> Callable[[Any], Any]:
    """Return a search in which ties have another order each time."""
    rng = random.Random(seed)

    def answer(request: Any) -> Any:
        rng.shuffle(index.rows)
        return index(request)

    return answer


# ---------------------------------------------------------------- by creation


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_group_that_one_answer_holds_is_read_by_it(count: int) -> None:
    """Nothing has to be told apart."""
    ids, rows, client = read(Index(ties(count, float)))

    assert len(ids) == rows == count
    assert len(client.sent) == 1


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("count", [5, 6, 9, 10, 23])
def test_rows_are_told_apart_by_their_creation(count: int, shown: bool) -> None:  # noqa: FBT001
    """Each search begins with the last creation of the one before."""
    ids, rows, client = read(Index(ties(count, lambda n: -float(n))), shown=shown)

    assert len(ids) == rows == count
    assert set(numbers(client)) == {1}
    assert len(client.sent) == (count - 1) // 4 + 2  # the group, and a page for four new rows


def test_rows_created_at_the_first_moment_of_all_are_among_them() -> None:
    """An import may bring .NET's empty date along."""
    rows = [Row(str(n), at(MOMENT), "0001-01-01T00:00:00.000Z") for n in range(7)]
    ids, count, _ = read(Index([*rows, *ties(7, float, "b")]))

    assert len(ids) == count == 14


@pytest.mark.parametrize("alike", [5, 6, 11])
def test_rows_created_at_one_moment_among_others_are_walked_by_number(alike: int) -> None:
    """Only those; the others go on behind them."""
    rows = [*ties(4, lambda n: n), *ties(alike, lambda _: 50, "t"), *ties(9, lambda n: 60 + n, "b")]
    ids, count, client = read(Index(rows))

    assert len(ids) == count == alike + 13
    assert len(client.sent) < 20
    walked = [one for one in client.sent if one.params["page"] > 1]
    assert all(
        {"customer_created_at": {"lte": at(50)}} in (one.body or {})["and"] for one in walked
    )


@pytest.mark.parametrize("without", [1, 4, 5, 12])
def test_rows_without_a_creation_are_read_apart(without: int) -> None:
    """The order by creation lacks them."""
    rows = [*ties(12, float), *ties(without, lambda _: None, "none")]
    ids, count, _ = read(Index(rows))

    assert len(ids) == count == 12 + without


def test_where_all_have_a_creation_nothing_is_asked_for_without() -> None:
    """The totals tell."""
    _, _, client = read(Index(ties(12, float)))

    assert not any("not_set" in str(one.body) for one in client.sent)


def test_without_totals_rows_without_a_creation_are_asked_for() -> None:
    """Nothing tells that there are none."""
    rows = [*ties(12, float), *ties(3, lambda _: None, "none")]
    ids, count, client = read(without_totals(Index(rows)))

    assert len(ids) == count == 15
    assert any("not_set" in str(one.body) for one in client.sent)


@pytest.mark.parametrize("what", ["gte", "not_set"])
def test_where_a_search_by_creation_is_refused_all_are_walked_by_number(what: str) -> None:
    """That it takes it is documented nowhere; each row counts once."""
    index = Index([*ties(12, float), *ties(3, lambda _: None, "none")])

    def refusing(request: Any) -> Any:
        asked = [
            one["customer_created_at"]
            for one in request.body["and"]
            if "customer_created_at" in one
        ]
        if any(what in one for one in asked):
            return RequestRefusedError("No.")
        return index(request)

    ids, count, client = read(refusing)

    assert len(ids) == count == 15
    assert max(numbers(client)) == 3


def test_a_search_that_has_no_creation_is_walked_by_number() -> None:
    """Conversation times are sorted by theirs already."""
    ids, count, client = read(Index(ties(12, float)), created=None)

    assert len(ids) == count == 12
    assert numbers(client) == [1, 1, 2, 3]


def test_a_creation_that_no_row_shows_is_walked_by_number() -> None:
    """Kustomer sorts by what its documents do not show."""
    index = Index(ties(12, float))

    def hiding(request: Any) -> Any:
        found = index(request)
        for row in found["data"]:
            del row["attributes"]["createdAt"]
        return found

    ids, count, _ = read(hiding)

    assert len(ids) == count == 12


def test_an_order_by_creation_that_lacks_rows_is_not_believed() -> None:
    """As many are in the group as before: they are walked by number."""
    index = Index(ties(23, float))

    def lacking(request: Any) -> Any:
        if "customer_created_at" not in str(request.body):
            return index(request)
        found = Index(row for row in index.rows if row.id not in {"13", "14"})(request)
        low = found["data"] and found["data"][0]["attributes"]["createdAt"]
        found["meta"]["total"] += 2 * (low <= at(9))
        return found

    ids, count, client = read(lacking)

    assert len(ids) == count == 23
    assert max(numbers(client)) == 5


def test_rows_that_left_the_group_meanwhile_are_not_walked_for() -> None:
    """A last look at the group tells how many are there now."""
    index = Index(ties(23, float))
    answers = 0

    def fleeing(request: Any) -> Any:
        nonlocal answers
        answers += 1
        if answers == 4:
            index.rows = index.rows[:-5]
        return index(request)

    ids, count, client = read(fleeing)

    assert {str(n) for n in range(18)} <= ids
    assert count == 18
    assert set(numbers(client)) == {1}


@pytest.mark.parametrize("bad", [3, 4, 5, 6, 7])
def test_an_answer_of_a_part_of_the_index_loses_no_ties(bad: int) -> None:
    """A later answer with more rows shows it, or the last look at the group."""
    index = Index(ties(23, float))
    answers = 0

    def in_part(request: Any) -> Any:
        nonlocal answers
        answers += 1
        return Index(index.rows[::2])(request) if answers == bad else index(request)

    ids, count, client = read(in_part)

    assert len(ids) == count == 23
    if bad > 5:  # the last page by creation: fewer rows than were left, so it is asked for again
        assert set(numbers(client)) == {1}


def test_without_totals_rows_that_began_the_group_must_come_again() -> None:
    """Else the way of reading them has a hole, and they are walked by number."""
    index = Index(ties(9, float))

    def lacking(request: Any) -> Any:
        if "customer_created_at" not in str(request.body):
            return index(request)
        return Index(index.rows[2:])(request)

    ids, count, client = read(without_totals(lacking))

    assert len(ids) == count == 9
    assert max(numbers(client)) > 1
    ids, count, client = read(without_totals(Index(ties(9, float))))
    assert len(ids) == count == 9
    assert len(client.sent) == 31


@pytest.mark.parametrize("told", [1, 2])
def test_totals_that_come_and_go_lose_nothing(told: int) -> None:
    """Only one of the first two answers tells how many there are."""
    index = Index([*ties(12, float), *ties(3, lambda _: None, "none")])
    answers = 0

    def now_and_then(request: Any) -> Any:
        nonlocal answers
        answers += 1
        found = index(request)
        return found if answers == told or answers > 5 else {**found, "meta": {}}

    ids, count, _ = read(now_and_then)

    assert len(ids) == count == 15


def test_rows_that_all_lack_a_creation_are_read_apart() -> None:
    """The order by creation has none, and is not doubted for that."""
    ids, count, client = read(Index(ties(12, lambda _: None)))

    assert len(ids) == count == 12
    assert len(client.sent) == 6  # the group, by creation, without, and three pages


@pytest.mark.parametrize("sorts", [True, False])
def test_a_filter_on_the_creation_that_is_ignored_is_noticed_of_new_rows_too(
    sorts: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Behind the watermark no row proves it: the same page would come for ever."""
    index = Index(ties(23, float))

    def ignoring(request: Any) -> Any:
        body = request.body
        kept = [one for one in body["and"] if "customer_created_at" not in one]
        sort = body["sort"] if sorts else [{"customer_updated_at": "asc"}]
        body = {**body, "and": kept, "sort": sort}
        return index(replace(request, body=body))

    search, client = search_of(ignoring, page_size=PAGE, watermark=at(0))
    reader = TieReader(search)

    ids = {id_ for page in reader.read(at(MOMENT)) for id_ in page.ids}

    assert len(ids) == reader.rows == 23
    assert len(client.sent) < 20
    assert numbers(client).count(5) == 1  # all are walked once


def test_a_sort_by_creation_that_is_ignored_is_no_loop() -> None:
    """Behind the watermark no row proves it: the last one of the page would be the lowest."""
    index = Index(ties(23, lambda n: -float(n)))

    def unsorted(request: Any) -> Any:
        return index(replace(request, body={**request.body, "sort": [{"none": "asc"}]}))

    search, client = search_of(unsorted, page_size=PAGE, watermark=at(0))
    reader = TieReader(search)

    ids = {id_ for page in reader.read(at(MOMENT)) for id_ in page.ids}

    assert len(ids) == reader.rows == 23
    assert len(client.sent) < 20


def test_a_group_that_all_rows_have_left_is_not_walked() -> None:
    """A last look at it says that there is nothing more."""
    index = Index(ties(7, float))
    answers = 0

    def leaving(request: Any) -> Any:
        nonlocal answers
        answers += 1
        found = index(request)
        index.rows = []
        return found

    ids, count, client = read(leaving)

    assert (len(ids), count) == (5, 0)
    # The group, by creation, those without, their first page, and the last look.
    assert len(client.sent) == 5
    assert set(numbers(client)) == {1}


def test_rows_without_a_creation_that_have_left_are_looked_for_once() -> None:
    """The totals differ only since rows left between the two searches."""
    index = Index(ties(7, float))

    def leaving(request: Any) -> Any:
        found = index(request)
        index.rows = index.rows[:6]
        return found

    _, count, client = read(leaving)

    assert count == 6
    assert len([one for one in client.sent if "not_set" in str(one.body)]) == 2


# ---------------------------------------------------------------- by number


def alike(count: int) -> list[Row]:
    """Return rows that nothing tells apart."""
    return ties(count, lambda _: 1)


@pytest.mark.parametrize("count", [5, 6, 10, 11, 23])
def test_rows_that_nothing_tells_apart_are_walked_once_where_their_order_holds(count: int) -> None:
    """Page after page, until as many were seen as there are."""
    ids, rows, client = read(Index(alike(count)))

    assert len(ids) == rows == count
    # The group, by creation, page after page, and what was created later.
    assert numbers(client) == [1, 1, *range(1, -(-count // PAGE) + 1), 1]


@pytest.mark.parametrize("count", [11, 23, 48])
def test_rows_that_come_in_another_order_each_time_are_walked_until_all_were_seen(
    count: int,
) -> None:
    """Each walk shows about two thirds of those that are left."""
    for seed in range(5):
        ids, rows, client = read(shuffled(Index(alike(count)), seed))

        assert len(ids) == rows == count
        assert len(client.sent) < 30 * count / PAGE


@pytest.mark.parametrize("count", [11, 23])
def test_without_totals_walks_that_bring_nothing_new_are_the_end(count: int) -> None:
    """Twelve in a row; an empty page ends each."""
    ids, rows, client = read(without_totals(Index(alike(count))))

    assert len(ids) == rows == count
    assert max(numbers(client)) == count // PAGE + 2
    ids, rows, _ = read(without_totals(shuffled(Index(alike(count)))))
    assert len(ids) == rows == count


def test_without_totals_a_refusal_behind_a_short_page_is_an_end() -> None:
    """Some servers refuse a page number behind the last row."""
    index = Index(alike(12))

    def refusing(request: Any) -> Any:
        found = index(request)
        if request.params["page"] > 1 and not found["data"]:
            return NotFoundError("No such page.")
        return found

    ids, rows, client = read(without_totals_of(refusing))

    assert len(ids) == rows == 12
    assert max(numbers(client)) == 4


def without_totals_of(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the same search without totals; errors stay."""

    def told(request: Any) -> Any:
        found = answer(request)
        return found if isinstance(found, Exception) else {**found, "meta": {}}

    return told


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("error", [NotFoundError, RequestRefusedError])
@pytest.mark.parametrize("last", [1, 2])
def test_a_refusal_behind_a_full_page_fails_the_stream(
    totals: bool,  # noqa: FBT001 - a column of the table
    error: type[StreamError],
    last: int,
) -> None:
    """Rows may follow that no search reaches."""
    index = Index(alike(17))

    def refusing(request: Any) -> Any:
        return error("No.") if request.params["page"] > last else index(request)

    answer = refusing if totals else without_totals_of(refusing)

    with pytest.raises(StreamError, match="rows share the timestamp") as raised:
        read(answer)
    assert f"{17 if totals else PAGE * last} rows share" in str(raised.value)


def test_a_refused_first_page_is_raised_as_it_is() -> None:
    """It says nothing of page numbers."""
    group = answer_of(alike(5), total=9)

    answer = scripted(group, RequestRefusedError("Not any more."))
    search, client = search_of(answer, page_size=PAGE, created_attribute=None)

    with pytest.raises(RequestRefusedError, match="Not any more"):
        list(TieReader(search).read(at(MOMENT)))
    assert numbers(client) == [1, 1]


def test_more_rows_than_a_hundred_pages_hold_fail_the_stream_at_once() -> None:
    """That is the documented limit of a search."""
    index = Index(alike(201))
    search, client = search_of(index, page_size=2)

    with pytest.raises(StreamError, match=r"201 rows share the timestamp .* the 200 a search"):
        list(TieReader(search).read(at(MOMENT)))

    assert max(numbers(client)) == 1
    index.rows.pop()
    ids, count, client = read(index, size=2)
    assert len(ids) == count == 200
    assert max(numbers(client)) == 100


def test_without_totals_a_hundred_full_pages_fail_the_stream() -> None:
    """Whether rows follow cannot be known."""
    with pytest.raises(StreamError, match="100 rows share"):
        read(without_totals(Index(alike(101))), size=1)


def test_rows_that_leave_while_they_are_walked_do_not_hold_up_the_walks() -> None:
    """Older counts go on: all that were there when one of them began were seen."""
    index = Index(alike(40))
    rng = random.Random(5)
    answers = 0

    def fleeing(request: Any) -> Any:
        nonlocal answers
        answers += 1
        rng.shuffle(index.rows)
        if answers % 20 == 0 and len(index.rows) > 20:
            index.rows.pop()
        return index(request)

    ids, rows, client = read(fleeing)

    assert {str(row.id) for row in index.rows} <= ids
    assert rows == len(index.rows)
    assert len(client.sent) < 200


def test_a_total_that_shrank_is_asked_for_again_before_the_count_is_full() -> None:
    """An answer of a part of the index would end the walks too early."""
    index = Index(alike(23))
    answers = 0

    def in_part(request: Any) -> Any:
        nonlocal answers
        answers += 1
        return Index(index.rows[:8])(request) if answers in {4, 5} else index(request)

    ids, rows, _ = read(in_part)

    assert len(ids) == rows == 23


def test_rows_that_never_come_fail_the_stream() -> None:
    """Twelve walks in a row that bring nothing new."""
    index = Index(alike(12))

    def announcing(request: Any) -> Any:
        found = index(request)
        found["meta"]["total"] = 15
        found["data"] += [found["data"][0]] * (
            min(5, 15 - 5 * (request.params["page"] - 1)) - len(found["data"])
        )
        return found

    with pytest.raises(StreamError, match="15 rows share"):
        read(announcing)
    search, client = search_of(announcing, page_size=PAGE)
    with pytest.raises(StreamError):
        list(TieReader(search).read(at(MOMENT)))
    assert numbers(client).count(3) == 13


@pytest.mark.parametrize("changes", [0, 1])
def test_a_total_that_changes_begins_the_twelve_walks_anew(changes: int) -> None:
    """Rows came or left, so the next walk may show what the others did not."""
    index = Index(alike(12))
    walks = 0

    def announcing(request: Any) -> Any:
        nonlocal walks
        number = request.params["page"]
        walks += number == 3
        total = 14 if changes and walks >= 7 else 15
        found = index(request)
        found["meta"]["total"] = total
        found["data"] += [found["data"][0]] * (
            min(5, total - 5 * (number - 1)) - len(found["data"])
        )
        return found

    search, client = search_of(announcing, page_size=PAGE, created_attribute=None)

    with pytest.raises(StreamError, match=f"{15 - changes} rows share"):
        list(TieReader(search).read(at(MOMENT)))

    # One walk that showed all of them, and twelve that brought nothing; six were before.
    assert numbers(client).count(3) == 13 + 6 * changes


def test_what_was_seen_counts_when_the_total_is_again_as_it_was() -> None:
    """One answer of a part of the index does not make the walk begin anew."""
    rows = alike(10)
    whole, part = {"total": 10}, {"total": 9}
    walk = [
        answer_of(rows[:5], **whole),
        answer_of(rows[5:9], **part),
        answer_of([rows[9], *rows[:4]], **whole),
    ]

    search, client = search_of(scripted(walk[0], *walk), page_size=PAGE, created_attribute=None)
    reader = TieReader(search)
    ids = {id_ for page in reader.read(at(MOMENT)) for id_ in page.ids}

    assert len(ids) == reader.rows == 10
    assert numbers(client) == [1, 1, 2, 1]


def test_rows_that_all_leave_while_they_are_walked_are_no_failure() -> None:
    """None is left, so none is missing."""
    index = Index(alike(12))
    answers = 0

    def leaving(request: Any) -> Any:
        nonlocal answers
        answers += 1
        if answers == 3:
            index.rows = []
        return index(request)

    ids, count, client = read(leaving, created=None)

    assert (len(ids), count) == (5, 0)
    assert len(client.sent) < 8


def test_a_part_of_the_index_does_not_end_the_last_walks() -> None:
    """Nothing would look at the group again behind them."""
    index = Index(alike(23))
    answers, walked = 0, 0

    def lacking(request: Any) -> Any:
        nonlocal answers, walked
        answers += 1
        if "customer_created_at" in str(request.body):
            return Index(index.rows[:9])(request)
        walked += answers > 1
        # The last look at the group, a page, and then two that come from a part.
        return Index(index.rows[:8])(request) if walked in {3, 4} else index(request)

    ids, count, _ = read(without_rest(lacking))

    assert len(ids) == count == 23


def without_rest(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a search that finds no rows without a creation."""

    def told(request: Any) -> Any:
        return answer_of([], total=0) if "not_set" in str(request.body) else answer(request)

    return told
