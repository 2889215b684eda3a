"""Pages are fetched in any order and handed out in theirs: a model of it, without threads.

Tasks wait in a list, and where the main thread would wait, one of them runs, whichever the dice
say. So each history can be had again, and thousands take seconds.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import pytest

from tap_kustomer.clock import Clock, StopRequested
from tap_kustomer.readers import prefetch
from tap_kustomer.readers.prefetch import Job, Line, Prefetch, only

TRIALS = {"long": 40_000, "few": 300}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 1_500)
MOST_STEPS = 5_000  # of one history; more is a loop
DUE_PAGES = 2  # that a job may hold whose turn it is, whatever the others hold


@dataclass(frozen=True)
class Page:
    """A page of some size that knows whose it is."""

    job: object
    number: int
    size: int


class PageError(Exception):
    """What a job may end with."""


class Threads(Executor):
    """Runs its tasks where the main thread waits, in an order of the dice.

    A task is a request in flight from the moment it is submitted until it runs.
    """

    def __init__(self, rng: random.Random, stuck: float = 0.0) -> None:
        """Begin without a task; a share of ``stuck`` is not answered before its turn."""
        self.rng = rng
        self.in_flight: list[Job[Any]] = []
        self.stuck: list[Job[Any]] = []  # those of them that Kustomer does not answer
        self.watch: Callable[[Job[Any]], None] = lambda _job: None  # called for each new task
        self.at_wait: Callable[[], None] = lambda: None  # called before the main thread waits
        self.is_shut = False
        self.steps = 0
        self._share = stuck

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """Keep a task for later."""
        assert not self.is_shut
        (job,) = args
        assert job not in self.in_flight, "two threads move the same job on"
        self.watch(job)
        self.in_flight.append(job)
        if self.rng.random() < self._share:
            self.stuck.append(job)
        vars(job)["step"] = fn
        return Future()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as the executor's
        """Take no more tasks."""
        assert not wait
        assert cancel_futures
        self.is_shut = True

    def run_one(self) -> bool:
        """Run one task to its end; ``False`` when there is none that ends."""
        able = [one for one in self.in_flight if one.is_due or one not in self.stuck]
        if not able:
            return False
        self.steps += 1
        assert self.steps < MOST_STEPS, "the history does not end"
        job = self.rng.choice(able)
        self.in_flight.remove(job)
        vars(job)["step"](job)
        return True

    def run_some(self) -> None:
        """Run a few tasks, as when a target is slow."""
        for _ in range(self.rng.choice([0, 0, 1, 5])):
            self.run_one()

    def run_all(self) -> None:
        """Run until nothing goes on by itself."""
        while self.run_one():
            pass


class StepClock(Clock):
    """Waiting lets a task run."""

    def __init__(self, threads: Threads) -> None:
        """Wait for ``threads``."""
        super().__init__()
        self._threads = threads

    def wait_for(self, changed: threading.Condition) -> None:  # noqa: ARG002 - one thread only
        """Run a task; that there is none means that the main thread would wait forever."""
        self.check()
        self._threads.at_wait()
        assert self._threads.run_one(), "the main thread waits for what nobody fetches"


@dataclass
class Bounds:
    """Checks of each new request what it may not exceed."""

    most_running: int
    most_bytes: int
    jobs: list[Job[Page]] = field(default_factory=list)

    def check(self, threads: Threads, job: Job[Page]) -> None:
        """Check a new request of ``job``."""
        running = sum(one in threads.in_flight for one in self.jobs if not one.is_due)
        assert running + (not job.is_due) <= self.most_running
        held = sum(page.size for one in self.jobs for page in one.fetched)
        assert held < self.most_bytes or (job.is_due and len(job.fetched) < DUE_PAGES)

    def check_busy(self, threads: Threads) -> None:
        """Check that all is fetched for which there is room."""
        running = sum(one in threads.in_flight for one in self.jobs)
        held = sum(page.size for one in self.jobs for page in one.fetched)
        if running < self.most_running and held < self.most_bytes:
            assert all(one in threads.in_flight or one.has_ended for one in self.jobs)


def pages_of(name: object, sizes: list[int], *, fails: bool = False) -> Iterator[Page]:
    """Yield pages of these sizes, and fail behind them."""
    for number, size in enumerate(sizes):
        yield Page(name, number, size)
    if fails:
        raise PageError(name)


def some_sizes(rng: random.Random, unit: int = 1) -> list[int]:
    """Return how large the pages of a job are."""
    largest = rng.choice([1, 5, 30])
    return [unit * rng.randint(0, largest) for _ in range(rng.choice([0, 1, 1, 2, 5, 12]))]


def trials(share: float = 1.0) -> Iterator[tuple[str, random.Random]]:
    """Yield a name and the dice of each history."""
    seed = random.randrange(1_000_000_000)
    for trial in range(int(TRIALS * share)):
        yield f"{seed}-{trial}", random.Random(f"{seed}-{trial}")


# ---------------------------------------------------------------- jobs in their order


class Slices:
    """Gives out jobs of which some are split while they are read."""

    def __init__(self, threads: Threads, size: int) -> None:
        """Give out some twenty at most, ``size`` at a time."""
        self.threads = threads
        self.rng = threads.rng
        self.size = size
        self.left = self.rng.randint(0, 20)
        self.asked_at = -1  # step at which nothing was to begin
        self.order: list[Job[Page]] = []
        self.pages: dict[Job[Page], list[Page]] = {}
        self.failing: set[Job[Page]] = set()

    def next_job(self) -> Job[Page] | None:
        """Return one more job, the last or behind one that is split; ``None`` for not now."""
        rng = self.rng
        whole = [job for job in self.order if not job.has_ended]
        assert len(whole) < self.size
        if not self.left or (whole and rng.random() < 0.3):
            self.asked_at = self.threads.steps
            return None
        self.left -= 1
        before = rng.choice(whole) if whole and rng.random() < 0.4 else None
        name, sizes, fails = len(self.order), some_sizes(rng), rng.random() < 0.03
        job = Job(pages_of(name, sizes, fails=fails), behind=before)
        self.order.insert(self.order.index(before) + 1 if before else len(self.order), job)
        self.pages[job] = list(pages_of(name, sizes))
        if fails:
            self.failing.add(job)
        return job

    def check_busy(self) -> None:
        """Check that as many jobs have begun as there are, at the last step."""
        begun = sum(not job.has_ended for job in self.order)
        assert begun == self.size or self.asked_at == self.threads.steps

    @property
    def due(self) -> tuple[list[Page], bool]:
        """The pages that are to be handed out, and whether an error ends them."""
        pages: list[Page] = []
        for job in self.order:
            pages += self.pages[job]
            if job in self.failing:
                return pages, True
        return pages, False


def test_jobs_leave_page_by_page_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """However answers come: each page once, a failure in its place, and never too much at once."""
    for name, rng in trials():
        size, budget = rng.randint(1, 8), rng.choice([1, 10, 40, 1_000])
        monkeypatch.setattr(prefetch, "BUFFER_BYTES", budget)
        threads = Threads(rng, stuck=rng.choice([0, 0.3]))
        slices = Slices(threads, size)
        bounds = Bounds(size, budget, slices.order)
        threads.at_wait = slices.check_busy
        threads.watch = lambda job, b=bounds, t=threads: b.check(t, job)  # type: ignore[misc]
        pages = Prefetch(StepClock(threads), size, threads).in_order(slices.next_job)
        taken: list[Page] = []
        most = rng.choice([1_000, 1_000, rng.randint(0, 30)])
        failed = False
        try:
            for page in islice(pages, most):
                taken.append(page)
                assert len(threads.in_flight) <= size, name
                bounds.check_busy(threads)
                threads.run_some()
                bounds.check_busy(threads)
        except PageError:
            failed = True
        pages.close()
        threads.is_shut = True  # nothing more is asked for what nobody takes
        threads.run_all()

        expected, fails = slices.due
        assert taken == expected[: len(taken)], name
        if len(taken) < most:
            assert taken == expected, name
            assert failed == fails, name
            assert failed or not slices.left, name


# ---------------------------------------------------------------- all of a run


class Run:
    """A run of streams: lists and answers before their turn, pages and children in it."""

    def __init__(self, rng: random.Random) -> None:
        """Begin with nothing asked."""
        self.rng = rng
        self.size = rng.randint(1, 8)
        self.threads = Threads(rng, stuck=rng.choice([0, 0.2, 0.9]))
        self.prefetch = Prefetch(StepClock(self.threads), self.size, self.threads)
        self.done: list[object] = []  # work that was begun

    def work(self, name: object) -> object:
        """Do something that may fail."""
        assert name not in self.done, "done twice"
        self.done.append(name)
        if self.rng.random() < 0.1:
            raise PageError(name)
        return name

    def takes(self, pages: Iterator[Page], name: object, sizes: list[int], *, fails: bool) -> None:
        """Take pages to their end, or stop before it as a stream does that fails."""
        most = self.rng.choice([100, self.rng.randint(0, 5)])
        taken: list[Page] = []
        failed: tuple[object, ...] = ()
        try:
            for page in islice(pages, most):
                taken.append(page)
                self.threads.run_some()
        except PageError as error:
            failed = error.args
        expected = list(pages_of(name, sizes))
        assert taken == expected[:most]
        assert failed == ((name,) if fails and most > len(expected) else ())
        pages.close()  # type: ignore[attr-defined]

    def result(self, ask: Callable[[], object], name: object) -> None:
        """Take an answer, or its error."""
        try:
            found = ask()
        except PageError as error:
            (found,) = error.args
        assert found == name
        assert self.done.count(name) == 1

    def read_with_children(self, number: int) -> None:
        """Read pages, and for each several requests at the same time."""
        sizes = some_sizes(self.rng)
        for page in self.prefetch.in_order(only(pages_of(number, sizes))):
            names = [(number, page.number, child) for child in range(self.rng.choice([1, 3, 20]))]
            try:
                assert self.prefetch.map(self.work, names) == names
            except PageError as error:
                failed = names.index(error.args[0])
                assert set(names[: failed + 1]) <= set(self.done)
            self.threads.run_some()


def test_streams_get_what_is_theirs_whatever_is_asked_before_its_turn() -> None:
    """Also when Kustomer answers nothing that is asked ahead, and with one request at a time."""
    for name, rng in trials(1 / 5):
        run = Run(rng)
        streams: list[tuple[str, int, Any, list[int], bool]] = []
        for number in range(rng.randint(1, 12)):
            kind = rng.choice(["list", "search", "alone", "left"])
            sizes = some_sizes(rng, 700_000)
            fails = rng.random() < 0.2
            source: Any = None
            if kind in {"list", "left"}:
                source = run.prefetch.hold(pages_of(number, sizes, fails=fails))
            if kind in {"search", "left"}:
                source = run.prefetch.ask(partial(run.work, number))
            streams.append((kind, number, source, sizes, fails))
        try:
            for kind, number, source, sizes, fails in streams:
                if kind == "list":
                    run.takes(source, number, sizes, fails=fails)
                    continue
                if kind == "left":  # the run ends before
                    continue
                if kind == "search":
                    run.result(source, number)
                else:
                    run.result(partial(run.prefetch.call, partial(run.work, number)), number)
                run.read_with_children(number)
                pages = run.prefetch.in_turn(pages_of(number, sizes, fails=fails))
                run.takes(pages, number, sizes, fails=fails)
        except AssertionError as error:
            raise AssertionError(name) from error
        run.prefetch.close()
        run.threads.run_all()


def test_one_answer_is_one_task() -> None:
    """A thread is not asked whether there is more."""
    threads = Threads(random.Random(1))
    asked = Prefetch(StepClock(threads), 2, threads)
    assert asked.map(str, range(7)) == [str(one) for one in range(7)]
    assert asked.call(lambda: 1) == 1
    threads.run_all()
    assert threads.steps == 8


def test_all_lists_together_hold_no_more_than_a_few_mebibytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And each goes on when it is its turn, whatever the others hold."""
    budget = 4_000
    monkeypatch.setattr(prefetch, "HELD_BYTES", budget)
    for name, rng in trials():
        size = rng.randint(1, 8)
        threads = Threads(rng)
        bounds = Bounds(size, budget)

        def note(job: Job[Page], bounds: Bounds = bounds, threads: Threads = threads) -> None:
            if job not in bounds.jobs:
                bounds.jobs.append(job)
            bounds.check(threads, job)

        threads.watch = note
        asked = Prefetch(StepClock(threads), size, threads)
        sizes = [some_sizes(rng, 100) for _ in range(rng.randint(1, 8))]
        lists = [asked.hold(pages_of(n, one)) for n, one in enumerate(sizes)]
        threads.run_all()
        for number, pages in enumerate(lists):
            most = rng.choice([100, 1])  # a stream that fails leaves its list
            taken = []
            for page in islice(pages, most):
                taken.append(page)
                threads.run_some()
            pages.close()
            bounds.jobs[:] = [one for one in bounds.jobs if not one.is_due]
            bounds.check_busy(threads)
            assert taken == list(pages_of(number, sizes[number]))[:most], name


MEBIBYTE = 1024 * 1024


def mebibytes(name: str, count: int = 100) -> Iterator[Page]:
    """Yield so many pages of that size."""
    return pages_of(name, [MEBIBYTE] * count)


def test_lists_hold_four_mebibytes_together_and_a_list_that_is_due_two_pages_more() -> None:
    """One that waits fetches nothing while the others hold so much; it goes on in its turn."""
    threads = Threads(random.Random(1))
    asked = Prefetch(StepClock(threads), 2, threads)
    first = asked.hold(mebibytes("a"))
    threads.run_all()
    assert threads.steps == 4
    second = asked.hold(mebibytes("b"))
    threads.run_all()
    assert threads.steps == 4
    assert next(second).job == "b"
    threads.run_all()
    assert threads.steps == 4 + 1 + 2
    assert next(first).job == "a"
    second.close()
    threads.run_all()
    assert threads.steps == 4 + 1 + 2 + 1


def test_a_search_holds_forty_mebibytes_of_its_slices() -> None:
    """However small its slices are."""
    threads = Threads(random.Random(1))
    asked = Prefetch(StepClock(threads), 3, threads)
    jobs = iter([Job(mebibytes("a", 1)), *(Job(mebibytes(str(one))) for one in range(3))])
    pages = asked.in_order(lambda: next(jobs, None))
    assert next(pages).job == "a"
    threads.run_all()
    held = threads.steps - 1
    assert held == 40 + 2  # two were in flight when the last came that fits
    pages.close()


def test_what_is_asked_for_is_sent_at_once_however_many_answers_wait() -> None:
    """They are small; as many are under way as may be."""
    threads = Threads(random.Random(1))
    asked = Prefetch(StepClock(threads), 2, threads)
    answers = [asked.ask(partial(str, one)) for one in range(3)]
    assert len(threads.in_flight) == 2
    threads.run_all()
    assert threads.steps == 3
    answers.append(asked.ask(partial(str, 3)))
    assert len(threads.in_flight) == 1
    assert [answer() for answer in answers] == ["0", "1", "2", "3"]


def test_pages_behind_a_job_come_right_after_it_or_first_where_it_is_over() -> None:
    """A slice that is parted is read in its place."""
    threads = Threads(random.Random(1))
    line: Line[Page] = Line(StepClock(threads), threads, at_once=1)
    known = Job(mebibytes("known", 1))
    over: Job[Page] = Job(iter(()))
    for job in (
        known,
        Job(mebibytes("last", 1)),
        Job(mebibytes("behind", 1), behind=known),
        Job(mebibytes("first", 1), behind=over),
    ):
        line.add(job)
    assert [page.job for page in line.pages()] == ["first", "known", "behind", "last"]


# ---------------------------------------------------------------- ends


def test_a_signal_ends_every_wait() -> None:
    """The main thread looks at the stop flag while another fetches."""
    done = threading.Event()
    clock = Clock()
    asked = Prefetch(clock, 1)
    answer = asked.ask(done.wait)
    pages = asked.hold(Page(0, 0, 1) for _ in iter(done.wait, None))
    waits: list[Callable[[], object]] = [
        answer,
        lambda: next(pages),
        lambda: asked.call(done.wait),
        lambda: asked.map(lambda _: done.wait(), [1, 2, 3]),
        lambda: next(asked.in_order(only(Page(0, 0, 1) for _ in iter(done.wait, None)))),
    ]
    clock.stop_requested = True
    for wait in waits:
        with pytest.raises(StopRequested):
            wait()
    done.set()
    asked.close()


def test_requests_that_are_never_answered_leave_room_for_what_is_due() -> None:
    """Each in a thread of its own: a stream that fails may leave some behind, minutes long."""
    never = threading.Event()
    asked = Prefetch(Clock(), 2)
    for _ in range(5):
        asked.ask(never.wait)
        asked.hold(Page(0, 0, 1) for _ in iter(never.wait, None))
        jobs = [Job(iter([Page(0, 0, 1)])), Job(Page(1, 0, 1) for _ in iter(never.wait, None))]
        pages = asked.in_order(lambda: jobs.pop(0) if jobs else None)  # noqa: B023 - used at once
        assert next(pages) == Page(0, 0, 1)
        pages.close()
        assert asked.call(lambda: "answered") == "answered"
        assert asked.map(str, range(20)) == [str(one) for one in range(20)]
    never.set()
    asked.close()


def test_work_that_raises_a_stop_iteration_fails() -> None:
    """It is no end of anything."""
    asked = Prefetch(Clock(), 2)
    with pytest.raises(RuntimeError):
        asked.call(lambda: next(iter(())))
    asked.close()
