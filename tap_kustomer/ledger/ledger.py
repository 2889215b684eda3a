"""What one run saw of the assumptions: as assumed, different, or nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["HOW_TO_REPORT", "Assumption", "Column", "Finding", "Ledger"]

HOW_TO_REPORT = (
    "run --check with --report report.md, look through the file, and paste it into an issue of the "
    "project that this tap was installed from"
)
_MOST_PLACES = 40  # kept for one finding: an org may have hundreds of klasses


class Column(str, Enum):
    """How an assumption stands after a run; the later one wins where a run saw several."""

    NOT_SEEN = "not seen"
    AS_ASSUMED = "as assumed"
    HANDLED = "different, handled"
    REPORT = "different, please report"


@dataclass(frozen=True)
class Assumption:
    """One thing that no source confirms and that the tap relies on.

    ``shows`` is by what a run sees how it is; ``otherwise`` what is done when it is different.
    ``where`` are the modules that rely on it, below the package, or outside of it from the
    checkout on. ``unseen`` says why reading cannot show it, where that is so.
    """

    id: str
    assumed: str
    shows: str
    otherwise: str
    where: tuple[str, ...]
    report: bool = False  # a difference is not handled: it should be reported
    unseen: str = ""


@dataclass
class Finding:
    """What a run saw of one assumption.

    ``how`` are the differences, or why nothing was seen, in words that hold no value of the org;
    ``places`` the streams or paths where they showed.
    """

    column: Column = Column.NOT_SEEN
    how: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


class Ledger:
    """What this run saw of each assumption; any thread may write."""

    def __init__(self, assumptions: Iterable[Assumption]) -> None:
        """Begin with nothing seen."""
        self._assumptions = {one.id: one for one in assumptions}
        self._findings: dict[str, Finding] = {}
        self._lock = threading.Lock()

    def holds(self, id_: str) -> None:
        """Note that the assumption was seen to hold. Raises ``KeyError`` for an unknown one."""
        if id_ not in self._findings:  # else nothing changes: a difference is not taken back
            self._note(id_, Column.AS_ASSUMED, "", "")

    def differs(self, id_: str, how: str = "", place: str = "") -> None:
        """Note that it is different. Raises ``KeyError`` for an unknown assumption.

        ``how`` goes into reports: no value of the org may be in it. ``place`` is a stream or a
        path, which reports show without what is the org's in it.
        """
        column = Column.REPORT if self._assumptions[id_].report else Column.HANDLED
        self._note(id_, column, how, place)

    def not_seen(self, id_: str, why: str) -> None:
        """Note why nothing was seen of it. Raises ``KeyError`` for an unknown assumption."""
        self._note(id_, Column.NOT_SEEN, why, "")

    def judge(self, id_: str, *, holds: bool, how: str = "", place: str = "") -> None:
        """Note what was seen: ``holds`` or different."""
        if holds:
            self.holds(id_)
        else:
            self.differs(id_, how, place)

    def _note(self, id_: str, column: Column, how: str, place: str) -> None:
        with self._lock:
            finding = self._findings.setdefault(self._assumptions[id_].id, Finding())
            order = list(Column)
            finding.column = max(finding.column, column, key=order.index)
            for told, known in ((how, finding.how), (place, finding.places)):
                if told and told not in known and len(known) < _MOST_PLACES:
                    known.append(told)

    @property
    def findings(self) -> Mapping[str, Finding]:
        """What was seen of each assumption, all of them, in the order of the ledger."""
        with self._lock:
            return {id_: self._findings.get(id_, Finding()) for id_ in self._assumptions}

    @property
    def assumptions(self) -> Mapping[str, Assumption]:
        """The assumptions by id."""
        return self._assumptions

    @property
    def differences(self) -> list[str]:
        """The ids of what was seen to be different."""
        different = {Column.HANDLED, Column.REPORT}
        return [id_ for id_, one in self.findings.items() if one.column in different]
