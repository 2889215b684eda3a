"""Keeps what was asked and answered in a run, with every value replaced, in a folder of its own.

``exchanges.jsonl`` has one exchange a line, ``manifest.json`` what a replay has to know besides.
"""

from __future__ import annotations

import json
import logging
import platform
import threading
from email.utils import formatdate
from pathlib import Path
from typing import IO, Any

from requests import Response

from tap_kustomer import __version__
from tap_kustomer.client.codec import decode
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.responses import header_epoch
from tap_kustomer.client.transport import Request
from tap_kustomer.contact.disguise import Disguise
from tap_kustomer.contact.words import StandIns
from tap_kustomer.errors import KustomerError, frames_of
from tap_kustomer.settings.values import Settings

__all__ = ["MOST_BYTES", "Recorder"]

logger = logging.getLogger("tap-kustomer")

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024
_EXCHANGES, _MANIFEST = "exchanges.jsonl", "manifest.json"
# Settings that decide what is asked for; none of them is free text.
_SETTINGS = ("include_deleted", "include_archived", "page_size", "optional_streams")


class Recorder:
    """Watches the answers of one run and writes them down; any thread may call it."""

    def __init__(
        self, folder: str, *, most_bytes: int = MOST_BYTES, disguise: Disguise | None = None
    ) -> None:
        """Make the folder. Raises: ``KustomerError`` when nothing can be written there."""
        self._folder = Path(folder)
        self._most_bytes = most_bytes
        self._disguise = disguise or Disguise()
        self._lock = threading.Lock()
        self._bytes = self._exchanges = self._left_out = 0
        self._problem: str | None = None
        self._file: IO[str] | None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if any(self._folder.iterdir()):
                msg = (
                    "The folder that --record names is not empty. Name a new one, so that no two "
                    "recordings are mixed."
                )
                raise KustomerError(msg)
            self._file = (self._folder / _EXCHANGES).open("x", encoding="utf-8")
        except OSError as error:
            msg = (
                f"The folder that --record names cannot be written: {error.strerror}. Name one in "
                "which this user may make files."
            )
            raise KustomerError(msg) from None

    def __call__(self, request: Request, response: Response) -> None:
        """Write one exchange down; a fault of the disk ends the recording, not the run."""
        try:
            line = f"{json.dumps(self._exchange(request, response), ensure_ascii=False)}\n"
        except Exception as error:  # noqa: BLE001 - an odd answer must not end a run
            logger.debug("An exchange was not recorded: %s", frames_of(error))
            self._left_out += 1
            return
        size = len(line.encode())
        with self._lock:
            if self._file is None or self._bytes + size > self._most_bytes:
                self._left_out += 1
                return
            try:
                self._file.write(line)
                self._file.flush()
            except OSError as error:
                self._problem = error.strerror or "it cannot be written"
                self._file = None
                logger.warning("The recording ends here, the run goes on: %s.", self._problem)
                return
            self._bytes += size
            self._exchanges += 1

    def _exchange(self, request: Request, response: Response) -> dict[str, Any]:
        disguise, stand_ins = self._disguise, self._disguise.stand_ins
        answer: dict[str, Any] = {
            "status": response.status_code,
            "date": _shifted(response.headers.get("date"), stand_ins),
            "headers": disguise.headers(response.headers),
        }
        try:
            answer["answer"] = disguise.document(decode(response.content))
        except (ValueError, RecursionError):
            answer["length"] = len(response.content)  # no JSON: nothing of it is known
        return {
            "method": request.method,
            "path": disguise.path(request.path),
            "params": disguise.params(request.params),
            "body": None if request.body is None else disguise.body(request.body),
            "is_search": request.budget is Budget.SEARCH,
            **answer,
        }

    def close(self, settings: Settings, start: str | None) -> None:
        """Write the manifest: what the run was set to, and its ``start``, shifted."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
            if self._left_out and self._problem is None:
                logger.warning(
                    "The recording is full: %d of %d exchanges were left out.",
                    self._left_out,
                    self._left_out + self._exchanges,
                )
            manifest: dict[str, Any] = {
                "format": FORMAT,
                "tap_version": __version__,
                "python": platform.python_version(),
                "exchanges": self._exchanges,
                "left_out": self._left_out,
                "settings": {name: _plain(getattr(settings, name)) for name in _SETTINGS},
            }
            if start is not None:
                manifest["start_date"] = self._disguise.stand_ins.text(start)
            try:
                text = json.dumps(manifest, indent=2) + "\n"
                (self._folder / _MANIFEST).write_text(text, encoding="utf-8")
            except OSError as error:
                logger.warning("The recording has no manifest: %s.", error.strerror)


def _shifted(date: str | None, stand_ins: StandIns) -> str | None:
    epoch = header_epoch(date)
    return None if epoch is None else formatdate(stand_ins.epoch(epoch), usegmt=True)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, (set, frozenset, tuple, list)) else value
