"""What a run says about its streams: a line when one ends, and a closing sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tap_kustomer.ledger.ledger import HOW_TO_REPORT, Column, Ledger
from tap_kustomer.run import StreamRun

__all__ = ["closing", "differences", "duration", "end_line", "number"]

# "Complete" first, since it is what most streams are.
_ORDER = ("complete", "skipped", "missing", "stopped", "failed", "pending")


def end_line(run: StreamRun) -> str:
    """Return one line about a stream that has been read, or was stopped while it was."""
    parts = [number(run.rows, "row"), number(run.requests, "request"), duration(run.seconds)]
    if run.from_ is not None:
        parts.append(f"since {run.from_[:19]}Z")
    stopped = " stopped after" if run.status == "stopped" else ""
    return f"{run.stream}:{stopped} {', '.join(parts)}"


def closing(runs: Sequence[StreamRun], seconds: float) -> str:
    """Return what a run of ``seconds`` came to, as two or three sentences."""
    statuses = Counter(run.status for run in runs)
    outcome = ", ".join(f"{statuses[one]} {one}" for one in _ORDER if statuses[one])
    totals = ", ".join(
        [
            number(sum(run.rows for run in runs), "row"),
            number(sum(run.requests for run in runs), "request"),
            duration(seconds),
        ],
    )
    sentences = [f"{number(len(runs), 'stream')}: {outcome}. {totals}."]
    counts = [
        run.rows_counted
        for run in runs
        if run.status == "complete" and run.rows_counted is not None
    ]
    if counts:
        sentences.append(
            f"Kustomer's own closing count of {number(len(counts), 'large stream')} "
            f"({number(sum(counts), 'row')}) found none missing.",
        )
    if not statuses["stopped"]:
        sentences.append(
            "The last STATE message holds where the next run resumes (Meltano stores it).",
        )
    return " ".join(sentences)


def differences(ledger: Ledger) -> str | None:
    """Return one line when this org's API differs from what is assumed, and how to say so."""
    found = ledger.differences
    if not found:
        return None
    columns = {ledger.findings[id_].column for id_ in found}
    handled = "not all of them handled" if Column.REPORT in columns else "all of them handled"
    return (
        f"This org's API differs from what the tap assumes in {number(len(found), 'way')}, "
        f"{handled}: {', '.join(found)}. To tell us, {HOW_TO_REPORT}."
    )


def number(count: int, noun: str) -> str:
    """Return ``1 row``, ``1,234 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``0.3 s``, ``42 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 10:  # noqa: PLR2004 - where tenths still say something
        return f"{seconds:.1f} s"
    if seconds < 90:  # noqa: PLR2004 - below that, minutes say too little
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
