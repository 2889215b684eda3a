"""Runs the models of `analytics/` on a loaded database and has the report drawn."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["PROGRAMS", "AnalyticsError", "available", "erase", "run_models", "write_report"]

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = CHECKOUT / ".venv-analytics" / "bin"
PACKAGE = CHECKOUT / "analytics"
# It tells the past from snapshots, and an org that was read once has none.
NOT_HERE = ("kustomer__backlog_by_day_from_snapshots",)


class AnalyticsError(Exception):
    """The models or the report failed; the text ends with what they printed."""


def available() -> bool:
    """Return whether dbt is installed: it is not where Python is too new for it."""
    return (PROGRAMS / "dbt").exists()


def run_models(database: Path, work: Path) -> None:
    """Build the models in the schema `analytics` of ``database``; dbt keeps its files in ``work``.

    Raises: ``AnalyticsError`` if a model fails.
    """
    _dbt(database, work, "run", "--exclude", *NOT_HERE)


def erase(database: Path, work: Path) -> None:
    """Remove from the loaded tables what Kustomer confirmed to be gone, and what hung on it.

    Raises: ``AnalyticsError`` if that fails.
    """
    _dbt(database, work, "run-operation", "kustomer_erase", "--args", "{dry_run: false}")


def _dbt(database: Path, work: Path, *arguments: str) -> None:
    command = [str(PROGRAMS / "dbt"), "--quiet", *arguments]
    command += ["--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", "duckdb"]
    _call(
        command,
        {
            "DBT_LOG_PATH": str(work / "dbt-logs"),
            "DBT_TARGET_PATH": str(work / "dbt"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "KUSTOMER_DUCKDB_PATH": str(database),
        },
    )


def write_report(database: Path, page: Path) -> None:
    """Draw the report on the models in ``database``.

    Raises: ``AnalyticsError`` if that fails.
    """
    _call([str(PROGRAMS / "python"), "-m", "tools.demo.report", str(database), str(page)], {})


def _call(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        printed = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        message = f"`{Path(command[0]).name} {command[2]}` failed:\n{printed}"
        raise AnalyticsError(message)
