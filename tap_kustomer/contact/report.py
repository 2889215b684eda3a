"""The report of a first contact: Markdown for an issue, without anything of the org in it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from tap_kustomer import __version__
from tap_kustomer.contact.masks import Masks
from tap_kustomer.contact.shapes import shape_lines, shape_of
from tap_kustomer.errors import KustomerError
from tap_kustomer.ledger.ledger import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, Protocol

    from tap_kustomer.contact.answers import Seen
    from tap_kustomer.contact.look import Contact

    class StreamLine(Protocol):
        """What a report tells of a stream."""

        stream: str
        selected: bool
        readable: str
        role: str | None
        problem: str | None


__all__ = ["report_of", "write_report"]

_LIBRARIES = ("singer-sdk", "requests", "urllib3", "msgspec")
_HEAD = (
    "# tap-kustomer: report of a first contact",
    "",
    "Nothing of the org is in it: no row, no key, no id. Names that the org chose, and its id, are",
    "hashes with a key that was kept nowhere.",
    "",
)
_MOST_SHAPES = 80  # answers of different kinds


def write_report(path: str, text: str) -> None:
    """Write the report. Raises: ``KustomerError`` when the file cannot be written."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        msg = (
            f"The file that --report names cannot be written: {error.strerror}. Name one in a "
            "folder that exists and in which this user may write."
        )
        raise KustomerError(msg) from None


def report_of(  # noqa: PLR0913 - what is shown, and what must not be
    contact: Contact,
    streams: Iterable[StreamLine],
    settings: Iterable[str],
    *,
    org_id: str | None,
    own_names: frozenset[str],
    known_streams: frozenset[str],
) -> str:
    """Return the report.

    ``settings`` are the names of those that are set. ``own_names`` are words that are the org's
    though they stand where the vendor's do: names of its klasses. ``known_streams`` are the
    streams that every org has.
    """
    masks = Masks(known_streams, own_names)
    parts = [*_HEAD, *_versions(contact, settings, masks, org_id), *_findings(contact, masks)]
    parts += [*_streams(streams, masks), *_searches(contact, masks)]
    parts += _shapes(contact.answers.seen, masks)
    return "\n".join(parts) + "\n"


def _versions(
    contact: Contact, settings: Iterable[str], masks: Masks, org_id: str | None
) -> Iterator[str]:
    yield f"* tap-kustomer {__version__}, Python {platform.python_version()}, {platform.system()}"
    yield f"* Libraries: {', '.join(f'{name} {_version(name)}' for name in _LIBRARIES)}"
    named = ", ".join(f"`{name}`" for name in sorted(settings))
    yield f"* Settings that are set: {named or 'none'}"
    yield f"* Org {masks.hash(org_id or 'unknown')}, pod {', '.join(sorted(_pods(contact)))}"
    limits = contact.answers.org_limit, contact.answers.search_limit
    yield f"* Requests a minute by the headers: {limits[0]}; on a search: {limits[1]}"
    told = ", ".join(f"{n} of {s}" for s, n in sorted(contact.answers.statuses.items()))
    yield f"* Answers by status: {told}"
    if contact.stopped is not None:
        yield f"* {masks.sentence(contact.stopped)}"
    yield ""


def _pods(contact: Contact) -> set[str]:
    """Return the pods, of which only the usual form is shown."""
    known = {one for one in contact.answers.pods if one[:4] == "prod" and one[4:].isdecimal()}
    return known or {"not told or in another form"}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _findings(contact: Contact, masks: Masks) -> Iterator[str]:
    yield from (
        "## What is assumed",
        "",
        "| entry | this org | seen | where |",
        "|---|---|---|---|",
    )
    found = contact.ledger.findings.items()
    for id_, one in sorted(found, key=lambda pair: -_rank(pair[1].column)):
        places = ", ".join(map(masks.place, one.places))
        yield f"| {id_} | {one.column.value} | {'; '.join(one.how)} | {places} |"
    yield ""


def _rank(column: Column) -> int:
    return list(Column).index(column)


def _streams(streams: Iterable[StreamLine], masks: Masks) -> Iterator[str]:
    yield from ("## Streams", "", "| stream | selected | may read | remark |", "|---|---|---|---|")
    for one in streams:
        remark = masks.sentence(one.problem or "")
        selected = "yes" if one.selected else "no"
        yield f"| {masks.stream(one.stream)} | {selected} | {one.readable} | {remark} |"
    yield ""


def _searches(contact: Contact, masks: Masks) -> Iterator[str]:
    yield from ("## Searches", "")
    yield "| search | page asked | given | digits of the total | pages compared | in order | ties |"
    yield "|---|---|---|---|---|---|---|"
    for one in contact.searches:
        digits = "not told" if one.total is None else len(str(one.total))
        row = (masks.stream(one.stream), one.asked, one.given, digits, one.pages)
        order = "yes" if one.in_order else "no"
        yield f"| {' | '.join(map(str, row))} | {order} | {one.ties:.0%} |"
    yield ""


def _shapes(seen: Sequence[Seen], masks: Masks) -> Iterator[str]:
    """Yield the shape of each kind of answer."""
    yield from ("## Shapes", "", "Lengths are of texts, digits of numbers, elements of arrays.", "")
    kinds: dict[str, list[dict[str, Any]]] = {}
    for one in seen:
        path = masks.place(one.request.path.partition("?")[0])
        kind = path if one.context is None else f"{path} {masks.stream(one.context)}"
        kinds.setdefault(kind, []).append(one.document)
    for kind, documents in sorted(kinds.items())[:_MOST_SHAPES]:
        yield f"<details><summary>{kind}</summary>"
        yield from ("", "```")
        yield from shape_lines(shape_of(documents, masks))
        yield from ("```", "", "</details>", "")
