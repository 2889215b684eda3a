"""The jobs of docs/operations.md in a project of their own, as an orchestrator finds them."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from simulator import Fault, Org, Simulator
from tests.docs.pages import blocks_of
from tests.e2e.project import CHECKOUT, MELTANO, MeltanoProject

__all__ = [
    "STATE_ID", "afresh", "assert_resumes", "block", "clean_env", "dies_in_messages", "gated",
    "keeps_messages", "org", "program", "until",
]  # fmt: skip

PAGE = CHECKOUT / "docs" / "orchestrators.md"
PAGE_SIZE = 50
MESSAGES = 600
STATE_ID = "dev:tap-kustomer--quick-to-target-duckdb"


def block(remark: str) -> str:
    """Return the code of the page that is called so."""
    (text,) = (one.text for one in blocks_of(PAGE) if one.remark == remark)
    return text


def program(environment: str, name: str) -> Path:
    """Return a program of an environment, or skip the test that needs it."""
    path = CHECKOUT / f".venv-{environment}" / "bin" / name
    if not path.exists():
        pytest.skip(f".venv-{environment} is not there: `make recipes` builds it")
    return path


def clean_env(**more: str) -> dict[str, str]:
    """Return an orchestrator's environment: it finds `meltano`, and no setting is in it."""
    others = {k: v for k, v in os.environ.items() if not k.startswith(("TAP_", "MELTANO_"))}
    path = f"{MELTANO.parent}:{others['PATH']}"
    return {
        **others, "PATH": path, "NO_COLOR": "1", "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        **more,
    }  # fmt: skip


def org() -> Org:
    """Return an org whose messages take a dozen searches."""
    made = Org(seed=9, realistic=False)
    made.add("customer", 60)
    made.add("conversation", 60)
    made.add("message", MESSAGES)
    return made


def afresh(project: MeltanoProject, served: Simulator, folder: Path) -> MeltanoProject:
    """Return the project without a state or rows, its settings in `.env` as users keep them."""
    settings = {
        "MELTANO_DATABASE_URI": f"sqlite:///{folder / 'meltano.db'}",
        "TARGET_DUCKDB_PATH": str(folder / "kustomer.duckdb"),
        "TAP_KUSTOMER_PAGE_SIZE": str(PAGE_SIZE),
        "TAP_KUSTOMER_MAX_CONCURRENCY": "1",  # else what is read twice is up to threads
        **{f"TAP_KUSTOMER_{name.upper()}": value for name, value in served.config.items()},
    }
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    (project.root / ".env").write_text(lines, encoding="utf-8")
    # For whoever asks: the runs themselves read the file.
    return replace(project, env={**clean_env(), **settings})


def dies_in_messages(served: Simulator) -> Fault:
    """Let a proxy redirect a search of the messages twice: the tap believes that."""
    return served.faults.add(Fault("redirect", context="message", after=6, times=2))


def assert_resumes(served: Simulator) -> None:
    """Check that a second try asked for little of what the first had loaded."""
    searches = served.searches("message")
    died, _asked_again = (at for at, log in enumerate(searches) if log.faults)
    first, second = (sum(log.rows for log in some) for some in (searches[:died], searches[died:]))
    assert first >= 4 * PAGE_SIZE
    assert second <= MESSAGES - first + 2 * PAGE_SIZE


def keeps_messages(project: MeltanoProject) -> bool:
    """Say whether the job's state, as Meltano tells it, speaks of messages."""
    done = subprocess.run(
        [str(project.program), "state", "get", STATE_ID],
        cwd=project.root, env=dict(project.env),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return '"messages"' in done.stdout


def gated(served: Simulator) -> threading.Event:
    """Hold every search until the event is set."""
    gate = threading.Event()
    served.before_each_search(gate.wait)
    return gate


def until(condition: Callable[[], bool], what: str, seconds: float = 240) -> None:
    """Return once something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)
