"""A parent stream and its children, read together: each parent once, for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException

from tap_kustomer.errors import CredentialsError, KustomerError, MissingRoleError
from tap_kustomer.readers.workers import Workers
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.search import SearchStream

__all__ = ["Family"]


class Family:
    """One parent and those of its children that this run reads.

    A child that fails leaves the family; its bookmark stays and the others go on.
    """

    def __init__(
        self,
        parent: SearchStream,
        children: list[ChildStream],
        judge: Callable[[ChildStream, Exception], None],
    ) -> None:
        """Join them; ``judge`` is told why a child cannot go on."""
        self.parent = parent
        self.children = list(children)
        self.done: list[ChildStream] = []  # read to the end
        self._judge = judge
        # One thread searches ahead while the others fetch children.
        clock = parent.client.clock
        self.searchers = Workers(clock, 1)
        self.fetchers = Workers(clock, parent.workers.size)

    def close(self) -> None:
        """Let go of the threads."""
        self.searchers.close()
        self.fetchers.close()

    @property
    def start(self) -> str:
        """The moment from which parents are due: the earliest that a member wants."""
        return min(self._starts())

    def _starts(self, without: ChildStream | None = None) -> list[str]:
        members: list[KustomerStream] = [one for one in self.children if one is not without]
        if self.parent.selected:
            members.append(self.parent)
        return [one.starting_at for one in members]

    def drop_refused(self, parents: list[dict[str, Any]]) -> bool:
        """Leave out children that the key may not read at all; ``True`` when the start changes.

        Only those are tried, on the first of ``parents``, without which less was to be read.
        """
        before = self.start
        for child in list(self.children):
            rest = self._starts(without=child)
            if not rest or child.starting_at >= min(rest):
                continue
            for parent in parents:
                self._try(child, parent)
        return self.start != before

    def _try(self, child: ChildStream, parent: dict[str, Any]) -> None:
        try:
            self.fetchers.call(lambda: child.fetch(parent))
        except MissingRoleError as error:
            self._leave(child, error)
        except KustomerError:
            return  # comes again when the child is due

    def read(self) -> None:
        """Read the parent for its children only. Raises what stops the parent."""
        for _ in self.parent.pages():
            self.parent.client.clock.check()
            if not self.children:
                return

    def begin(self) -> None:
        """Start every child, once the parent can be read."""
        for child in list(self.children):
            self._attempt(child, child.begin)

    def follow(
        self, resources: list[dict[str, Any]], bookmark: str | None, *, goes_back: bool = False
    ) -> None:
        """Let every child write what hangs on ``resources``."""
        if goes_back and bookmark is not None:
            for child in self.children:
                child.set_back(bookmark)
            return
        for child in list(self.children):
            self._attempt(child, lambda c=child: c.follow(resources, bookmark, self.fetchers))  # type: ignore[misc]

    def end(self) -> None:
        """End every child that came this far, once the parent is read."""
        for child in list(self.children):
            self._attempt(child, child.end)
        self.done += self.children

    def _attempt(self, child: ChildStream, step: Callable[[], None]) -> None:
        try:
            step()
        except CredentialsError:
            raise
        except (AbortedSyncFailedException, AbortedSyncPausedException):
            self.children.remove(child)
            self.done.append(child)  # `--test` wants one row and has it
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self._leave(child, error)

    def _leave(self, child: ChildStream, error: Exception) -> None:
        self.children.remove(child)
        self._judge(child, error)
