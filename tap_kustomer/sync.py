"""One run over all selected streams: one that fails does not stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from singer_sdk.singerlib import Catalog

from tap_kustomer.errors import (
    CredentialsError,
    KustomerError,
    MissingRoleError,
    NotFoundError,
    frames_of,
)
from tap_kustomer.run import StreamRun
from tap_kustomer.session import Session
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.kobjects import KlassObjects, search_together
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.searched import SearchedStream
from tap_kustomer.summary import closing, differences, end_line
from tap_kustomer.vanished import vanished_streams

__all__ = ["Sync", "bug_sentence", "note_role", "role_advice"]

logger = logging.getLogger("tap-kustomer")

_SEARCHES_AHEAD = 3  # streams whose first search is asked while another stream is read

COMPLETE, SKIPPED, FAILED, STOPPED = "complete", "skipped", "failed", "stopped"
MISSING = "missing"  # known to the state and no longer offered
_OVER = object()  # that a turn has no further step
NOT_DUE = "not due"  # a list that was read not long ago, see `lists_every_minutes`


class RunObserver(Protocol):
    """Hooks that are called when a stream starts and ends."""

    def stream_started(self, run: StreamRun) -> None:
        """Note that a stream is about to be read."""

    def stream_ended(self, run: StreamRun) -> None:
        """Note how a stream ended."""


class Sync:
    """Syncs the selected streams of an org, one after the other."""

    def __init__(
        self,
        session: Session,
        streams: Mapping[str, KustomerStream],
        catalog: Catalog | None,
        observer: RunObserver,
    ) -> None:
        """Prepare a run over ``streams``; ``catalog`` is what the user selected from."""
        self._session = session
        self._streams = streams
        self._catalog = catalog
        self._observer = observer
        self.runs = session.runs
        self._unknown_lists = 0
        self._known_lists = 0
        self._is_in_vain = False
        self._began = time.monotonic()
        self.planned = sum(stream.selected for stream in streams.values())

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._began

    @property
    def failed(self) -> bool:
        """Whether any stream failed."""
        return self._is_in_vain or any(run.status == FAILED for run in self.runs)

    def sync(self) -> None:
        """Sync all streams. Raises ``CredentialsError``, ``StopRequested``, ``OutputClosed``."""
        streams = [stream for stream in self._streams.values() if stream.selected]
        streams.sort(key=lambda stream: stream.read_last)
        self._note_vanished()
        if not streams and not self.failed:
            logger.warning(
                "No stream is selected, so nothing is read. Select streams in the catalog; in "
                'Meltano, patterns with ! only take away: put "*.*" in front of them.'
            )
        in_turn = [stream for stream in streams if stream.name != "sync_runs"]
        search_together(self._session, [one for one in in_turn if isinstance(one, KlassObjects)])
        try:
            for place, stream in enumerate(in_turn):
                self._ask_ahead(in_turn[place:])
                if stream.run.ended_at is not None:
                    continue  # it was read beside another
                if stream.is_due:
                    self._sync_one(stream)
                else:
                    self._pass_over(stream)
            self._judge_run()
            self._sync_runs_of(streams)
        except CredentialsError:
            self._sync_runs_of(streams)  # it asks Kustomer nothing, and monitoring reads it
            raise
        finally:
            self._log_summary()

    def _sync_runs_of(self, streams: Iterable[KustomerStream]) -> None:
        for stream in streams:
            if stream.name == "sync_runs":
                self._sync_one(stream)

    def _ask_ahead(self, streams: Iterable[KustomerStream]) -> None:
        """Start prefetching: every list, and the first search of the next few streams that search.

        ``streams`` begins with the current one. Prefetched lists are held back once they take too
        much memory.
        """
        if self._session.settings.max_concurrency == 1:
            return  # with one request at a time, prefetching gains nothing
        left = [one for one in streams if one.run.ended_at is None]
        due = [one for one in left if one.ABORT_AT_RECORD_COUNT is None and one.is_due]
        searches = [one for one in due if isinstance(one, SearchedStream)]
        lists = [one for one in due if isinstance(one, ListStream)]
        for stream in (*searches[:_SEARCHES_AHEAD], *lists):
            if stream.run.started_at is None:
                stream.run.started_at = stream.run.to = self._session.server_now()
                stream.ask_ahead()

    def _begin(self, stream: KustomerStream) -> None:
        self.runs.append(stream.run)
        if stream.run.started_at is None:  # else it was asked ahead, and is as current as that
            stream.run.started_at = stream.run.to = self._session.server_now()
        stream.run.status = STOPPED
        self._observer.stream_started(stream.run)

    def _sync_one(self, stream: KustomerStream) -> None:
        """Sync a stream, and batch by batch beside it those that pull from the same source."""
        with ExitStack() as stack:

            def prepared(one: KustomerStream) -> Iterator[None]:
                turn = self._turn_of(one)
                stack.callback(turn.close)
                next(turn, None)
                return turn

            turns = [prepared(stream)]
            turns += [prepared(one) for one in stream.read_beside]
            while turns:
                turns = [turn for turn in turns if next(turn, _OVER) is not _OVER]

    def _turn_of(self, stream: KustomerStream) -> Generator[None, None, None]:
        """Sync a stream, with a rest once it is prepared, and behind each of its batches."""
        run = stream.run
        self._begin(stream)
        started = time.monotonic()
        try:
            stream.ensure_prepared()
            yield
            yield from stream.steps()
            run.status = COMPLETE
            self._known_lists += stream.reads_list
        except (AbortedSyncFailedException, AbortedSyncPausedException):
            run.status = COMPLETE  # `--test` wants one row and has it
        except CredentialsError as error:
            run.cause = type(error)
            self._fail(run, str(error))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other streams go on
            self._judge(stream, error)
        finally:
            self._end(run, started)

    def _end(self, run: StreamRun, started: float) -> None:
        """Note that ``run``, which began at ``started`` (monotonic seconds), is over."""
        run.seconds = time.monotonic() - started
        # Kustomer's time is known to the second, so it may seem to go back a little.
        run.ended_at = max(self._session.server_now(), run.started_at or "")
        if run.error is None:  # else a warning or an error has said it
            logger.info("%s", end_line(run))
        self._observer.stream_ended(run)

    def _pass_over(self, stream: KustomerStream) -> None:
        """Note that a list is not read in this run; nothing is written of it, no SCHEMA either."""
        self._begin(stream)
        stream.run.status, stream.run.ended_at = NOT_DUE, stream.run.started_at
        stream.run.to = None
        self._known_lists += 1  # Kustomer knew it when it was read
        self._observer.stream_ended(stream.run)

    def _judge(self, stream: KustomerStream, error: Exception) -> None:
        """Note what an error means for its stream."""
        stream.run.cause = type(error)
        if isinstance(error, NotFoundError):
            self._note_unknown(stream, error)
        elif isinstance(error, MissingRoleError):
            self._note_refused(stream, error)
        elif isinstance(error, KustomerError):
            stream.note_failure(error)
            self._fail(stream.run, str(error))
        else:
            self._fail(stream.run, f"{stream.name}: {bug_sentence(error)}")
            logger.debug("Traceback of the error above: %s", frames_of(error))

    def _fail(self, run: StreamRun, sentence: str) -> None:
        run.status, run.error = FAILED, sentence
        named = sentence.startswith(f"{run.stream}:")
        logger.error("%s", sentence if named else f"{run.stream}: {sentence}")

    def _note_refused(self, stream: KustomerStream, error: MissingRoleError) -> None:
        """Skip a stream that was never read; fail one whose table would silently go stale."""
        note_role(stream, is_open=False)
        sentence = f"{stream.name}: {error} {role_advice(stream)}"
        if stream.was_read:
            self._fail(stream.run, f"{sentence} Earlier runs read it, so its table is now stale.")
            return
        stream.run.status, stream.run.error = SKIPPED, sentence
        logger.warning("%s Skipped.", sentence)

    def _note_unknown(self, stream: KustomerStream, error: NotFoundError) -> None:
        sentence = f"{stream.name}: {error}"
        if stream.reads_list:
            self._session.ledger.differs("lists-exist", "a 404", stream.name)
        if stream.was_read:
            self._fail(stream.run, f"{sentence} Earlier runs read it, so its table is now stale.")
            return
        if not stream.reads_list:
            self._fail(stream.run, sentence)
            return
        self._unknown_lists += 1
        sentence = f"{stream.name} isn't available in this org. {error}"
        stream.run.status, stream.run.error = SKIPPED, sentence
        logger.warning("%s Skipped, no rows. Deselect it to stop this warning.", sentence)

    def _judge_run(self) -> None:
        """Fail when nothing that is selected could be read: then key or host are wrong."""
        if self._unknown_lists > 1 and not self._known_lists:
            sentence = (
                "None of the list endpoints exist on this host, so it is probably not a Kustomer "
                "API host. Check `org_name`, `region` or `api_url`."
            )
        elif self.runs and all(run.status in {SKIPPED, MISSING} for run in self.runs):
            sentence = (
                "None of the selected streams could be read, so the run fails. The warnings above "
                "name the roles that the key lacks."
            )
        else:
            return
        for run in self.runs:
            if run.status == SKIPPED:
                run.status = FAILED
        self._is_in_vain = True
        logger.error("%s", sentence)

    def _note_vanished(self) -> None:
        """Note each stream that the catalog or the state knows and discovery does not offer."""
        state = next((dict(one.tap_state) for one in self._streams.values()), {})
        for found in vanished_streams(self._session, self._streams, self._catalog, state):
            now = self._session.server_now()
            run = StreamRun(found.stream, started_at=now, ended_at=now)
            self.runs.append(run)
            if found.fails:
                self._fail(run, found.sentence)
            else:
                run.status, run.error = MISSING, found.sentence
                logger.warning("%s", found.sentence)

    def _log_summary(self) -> None:
        if self.runs:
            logger.info("%s", closing(self.runs, self.seconds))
        for stream in self._streams.values():
            stream.note_rows()
        told = differences(self._session.ledger)
        if told is not None:
            logger.info("%s", told)


def note_role(stream: KustomerStream, *, is_open: bool) -> None:
    """Note whether the key's own roles, as far as they are known, say the same of ``stream``."""
    may = stream.org.may(stream.roles)
    if may is not None and stream.role_to_ask_for in stream.roles:
        how = "open without any of its roles" if is_open else "refused with one of its roles"
        stream.session.ledger.judge("role-table", holds=may is is_open, how=how, place=stream.name)


def role_advice(stream: KustomerStream) -> str:
    """Return what to do when the key may not read ``stream``."""
    role = stream.role_to_ask_for or "org.permission"
    if stream.org.may([role]):
        return (
            f"The key's user lists the role {role}, so something else forbids it, maybe the org's "
            f"plan: ask an admin of the org, or deselect {stream.name}."
        )
    guess = "" if stream.roles_documented else "a guess: Kustomer doesn't document it; "
    return (
        f"Create a new key with the role {role} as well ({guess}roles of an existing key can't be "
        f"edited), or deselect {stream.name}."
    )


def bug_sentence(error: Exception) -> str:
    """Return a sentence for an error that should not be; its own text may show a row."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = ""
    if place is not None:
        where = f" in {Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}"
    return (
        f"an unexpected {type(error).__name__}{where}. This is an error of tap-kustomer: please "
        "report it with this line; TAP_KUSTOMER_LOGLEVEL=DEBUG shows the traceback."
    )
