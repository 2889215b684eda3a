"""Turn a recording into a test case: ``python -m tools.recorded_case FOLDER NAME``.

The folder is what ``tap-kustomer --record`` wrote. It is read once by the tap of this checkout, and
what came of that is what the test expects from then on: look through ``expected.json`` and correct
what is the fault that the case is about.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

from simulator.replay import Recording, RecordingError, Replay
from tap_kustomer.clock import Clock
from tap_kustomer.tap import TapKustomer

__all__ = ["CASES", "main", "outcome_of"]

CASES = Path(__file__).resolve().parents[1] / "tests" / "contact" / "recordings"
MOST_BYTES = 1_000_000  # of a case: the repository is cloned by everyone
_SPEED = 50.0


def outcome_of(folder: Path) -> dict[str, Any]:
    """Return what a sync of a recording comes to: status, rows of each stream, what differs.

    Raises: ``RecordingError`` when there is none in ``folder``.
    """
    with Replay(Recording.load(folder)) as replay:
        output = TextIOWrapper(BytesIO(), encoding="utf-8")
        handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            with redirect_stdout(output):
                config = {**replay.config, "search_requests_per_minute": 100_000}
                tap = TapKustomer(config=config, clock=Clock(_SPEED))
                tap.sync_all()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    streams = {run.stream: [run.status, run.rows] for run in tap.session.finished_runs()}
    return {
        "exit_status": tap.exit_status,
        "streams": dict(sorted(streams.items())),
        "differences": sorted(tap.client.ledger.differences),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy the recording and write what is expected of it."""
    parser = argparse.ArgumentParser(prog="python -m tools.recorded_case", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="of the case, in small letters, such as issue_12")
    options = parser.parse_args(arguments)
    case = CASES / options.name
    try:
        if not options.name.isidentifier() or case.exists():
            parser.error(f"{options.name}: take a name of letters and digits that is still free.")
        size = sum(file.stat().st_size for file in options.folder.glob("*.json*"))
        if size > MOST_BYTES:
            parser.error(
                f"The recording has {size:,} bytes, a case at most {MOST_BYTES:,}: record less, by "
                "selecting one stream or a later `start_date`, or delete lines that do not matter."
            )
        expected = outcome_of(options.folder)
    except (OSError, RecordingError) as error:
        parser.error(str(error))
    case.mkdir(parents=True)
    for name in ("exchanges.jsonl", "manifest.json"):
        if (options.folder / name).exists():
            shutil.copy(options.folder / name, case / name)
    text = json.dumps(expected, indent=2) + "\n"
    (case / "expected.json").write_text(text, encoding="utf-8")
    sys.stderr.write(f"Written to {case}; tests/contact/test_recorded_cases.py reads it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
