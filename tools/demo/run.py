"""Load a simulated Kustomer org into DuckDB with Meltano, and look at what arrived.

`make demo` prepares the environments and runs this. Nothing outside the checkout is touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from tools.demo import analytics
from tools.demo.compare import MADE_BY_THE_TAP, Difference, compare, expected_ids, loaded_ids
from tools.demo.deletes import Deleted, completeness, delete_some, rows_of

CHECKOUT = Path(__file__).resolve().parents[2]
WORK = CHECKOUT / "tools" / "demo" / ".work"
DATABASE = CHECKOUT / "output" / "demo.duckdb"
REPORT = CHECKOUT / "output" / "report.html"
LOG = WORK / "meltano.log"
INSTALLED = WORK / "installed"
MELTANO = CHECKOUT / ".venv-meltano" / "bin" / "meltano"
PLUGINS = ("tap-kustomer", "target-duckdb")
QUERY = CHECKOUT / "tools" / "demo" / "first_response_by_channel.sql"

SEED = 7
SMALL = 50  # rows: tables that are smaller share a line
CUSTOMERS = 400
START_DATE = "2015-01-01"  # before the oldest row, so that archived ones are read too
SEARCHES = 5000  # a minute. Kustomer allows 100, at which counting alone takes some minutes
API_KEY = "simulated-api-key"  # the simulator's; it opens nothing else

console = Console(highlight=False)


class DemoError(Exception):
    """Something the demo cannot go on from; its text is all that the user needs."""


@contextlib.contextmanager
def simulated_org() -> Iterator[str]:
    """Run the simulator and yield its URL; stop it whatever happens."""
    command = [sys.executable, "-m", "simulator", "--port", "0"]
    command += ["--seed", str(SEED), "--customers", str(CUSTOMERS)]
    command += ["--knob", "work_items_list=true"]  # not every org has this list
    command += ["--search-limit", str(SEARCHES)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            url = process.stdout.readline().strip()
            if not url.startswith("http"):
                message = "The simulator did not start: see the lines above."
                raise DemoError(message)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def environment(url: str = "", *optional_streams: str) -> dict[str, str]:
    """Return the environment for Meltano: no setting of a real org gets in."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("TAP_KUSTOMER_", "MELTANO_"))}
    return {
        **mine,
        "TAP_KUSTOMER_API_KEY": API_KEY,
        "TAP_KUSTOMER_API_URL": url,
        "TAP_KUSTOMER_OPTIONAL_STREAMS": json.dumps(optional_streams),
        "TAP_KUSTOMER_SEARCH_REQUESTS_PER_MINUTE": str(SEARCHES),
        "TAP_KUSTOMER_START_DATE": START_DATE,
        "TAP_KUSTOMER_TOMBSTONES": "true",
        "MELTANO_DATABASE_URI": f"sqlite:///{WORK / 'meltano.db'}",
        "MELTANO_ENVIRONMENT": "dev",
        "MELTANO_PROJECT_ROOT": str(CHECKOUT),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
        "TARGET_DUCKDB_PATH": str(DATABASE),
    }


def meltano(*arguments: str, env: Mapping[str, str]) -> None:
    """Run Meltano with its log in a file, which is shown only if it fails."""
    with LOG.open("a", encoding="utf-8") as log:
        command = [str(MELTANO), *arguments]
        code = subprocess.call(command, cwd=CHECKOUT, env=env, stdout=log, stderr=log)
    if code:
        lines = LOG.read_text(encoding="utf-8").splitlines()
        told = [line for line in lines if "[error" in line or "[warning" in line] or lines
        console.print("\n".join(told[-20:]), markup=False, style="dim", soft_wrap=True)
        message = f"`meltano {' '.join(arguments)}` failed. All of its log: {LOG}"
        raise DemoError(message)


def fingerprint() -> str:
    """Return a mark that changes with anything that Meltano would install differently."""
    files = [
        CHECKOUT / "meltano.yml",
        CHECKOUT / "pyproject.toml",
        MELTANO.parent.parent / ".ready",
    ]
    for folder in (CHECKOUT / "tap_kustomer", CHECKOUT / "tools" / "demo" / "loader"):
        files += [p for p in folder.rglob("*") if p.suffix in {".py", ".json", ".toml"}]
    mark = hashlib.sha256()
    for file in sorted(files):
        mark.update(f"{file.relative_to(CHECKOUT)} ".encode() + file.read_bytes())
    return mark.hexdigest()


def install() -> bool:
    """Let Meltano install the tap and the loader; return whether there was anything to do."""
    mark = fingerprint()
    complete = all((CHECKOUT / ".meltano").glob(f"*/{plugin}/venv") for plugin in PLUGINS)
    if complete and INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == mark:
        return False
    meltano("install", *PLUGINS, env=environment())
    INSTALLED.write_text(mark, encoding="utf-8")
    return True


def start_afresh() -> None:
    """Remove what an earlier demo left, so that the tables hold this org and nothing else."""
    WORK.mkdir(parents=True, exist_ok=True)
    DATABASE.parent.mkdir(exist_ok=True)
    for leftover in (
        REPORT,
        DATABASE,
        DATABASE.with_suffix(".duckdb.wal"),
        WORK / "meltano.db",
        LOG,
    ):
        leftover.unlink(missing_ok=True)


def show_tables(connection: duckdb.DuckDBPyConnection, differences: list[Difference]) -> None:
    """Print every table with its rows, and whether the ids are those of the org."""
    wrong = {difference.stream: difference for difference in differences}
    table = Table("stream")
    table.add_column("rows in DuckDB", justify="right")
    table.add_column("ids as in the org")
    small: dict[str, int] = {}
    for stream, ids in loaded_ids(connection).items():
        if stream in wrong:
            table.add_row(stream, f"{len(ids):,}", f"[red]no: {wrong[stream]}[/red]")
        elif stream in MADE_BY_THE_TAP:
            table.add_row(stream, f"{len(ids):,}", "[dim]made by the tap[/dim]")
        elif len(ids) < SMALL:
            small[stream] = len(ids)
        else:
            table.add_row(stream, f"{len(ids):,}", "[green]yes[/green]")
    rest = f"{len(small)} small ones, {min(small)} to {max(small)}"
    table.add_row(rest, f"{sum(small.values()):,}", "[green]yes[/green]")
    console.print(table)


def show_first_response(connection: duckdb.DuckDBPyConnection) -> None:
    """Print how long customers wait for a first answer."""
    table = Table("channel")
    for column in ("conversations", "median", "90 % within"):
        table.add_column(column, justify="right")
    for channel, count, *seconds in connection.execute(
        QUERY.read_text(encoding="utf-8")
    ).fetchall():
        table.add_row(channel, f"{count:,}", *(duration(value) for value in seconds))
    console.print("\nFirst response time by channel:")
    console.print(table)


def show_deletes(
    connection: duckdb.DuckDBPyConnection, deleted: Sequence[Deleted], before: Sequence[int]
) -> None:
    """Print what DuckDB had of what was deleted, and what it has now."""
    table = Table("deleted in Kustomer between the runs")
    for column in ("rows before", "rows now"):
        table.add_column(column, justify="right")
    left = [rows_of(connection, one) for one in deleted]
    for one, had, has in zip(deleted, before, left, strict=True):
        table.add_row(one.name, str(had), f"[{'red' if has else 'green'}]{has}[/]")
    console.print(table)
    if any(left):
        message = "DuckDB still has what was deleted in Kustomer."
        raise DemoError(message)


def show_completeness(connection: duckdb.DuckDBPyConnection) -> None:
    """Print how many of the rows that Kustomer counts are here."""
    here, counted, complete = completeness(connection)
    line = f"Complete: {here:,} of {counted:,} rows, counted by Kustomer month by month."
    if not complete:
        message = f"Not c{line[1:]}"
        raise DemoError(message)
    console.print(line)


def forget_deleted(url: str) -> None:
    """Delete a customer and a conversation in the org; let DuckDB forget them with the next run."""
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        deleted = delete_some(url, connection)
        before = [rows_of(connection, one) for one in deleted]
    console.print("\nDeleted a customer and a conversation in the org.")
    with step("meltano run tap-kustomer target-duckdb, again"):
        meltano("run", *PLUGINS, env=environment(url, "deletions", "row_counts"))
    if analytics.available():
        with step("dbt run-operation kustomer_erase"):
            analytics.erase(DATABASE, WORK)
    else:  # messages are nobody's own tombstones: dbt removes them
        deleted, before = deleted[:2], before[:2]
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        show_deletes(connection, deleted, before)


def report() -> None:
    """Turn the tables into metrics with dbt, and those into a page to look at."""
    if not analytics.available():
        console.print("\nNo report: it is made with dbt, which needs Python 3.10 to 3.13.")
        return
    with step("\nBuilt the models of analytics/ with dbt"):
        analytics.run_models(DATABASE, WORK)
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        show_completeness(connection)
    with step("Drew the report"):
        analytics.write_report(DATABASE, REPORT)


def duration(seconds: float) -> str:
    """Return ``seconds`` for people: ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:  # noqa: PLR2004 - below that, minutes say too little
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is going on, and how long it took."""
    began = time.monotonic()
    with console.status(f"{text} ..."):
        yield
    console.print(f"{text} [dim]({time.monotonic() - began:.0f} s)[/dim]")


def main() -> None:
    """Run the demo."""
    start_afresh()
    if not INSTALLED.exists():
        console.print("The first time takes a minute: Meltano installs the tap and the loader.")
    with step("Installed the tap and the loader"):
        install()
    with simulated_org() as url:
        console.print(f"Simulated Kustomer org at {url}: {CUSTOMERS} customers, seed {SEED}")
        with step("meltano run tap-kustomer target-duckdb"):
            meltano("run", *PLUGINS, env=environment(url))
        with duckdb.connect(str(DATABASE), read_only=True) as connection:
            differences = compare(expected_ids(url), loaded_ids(connection))
            show_tables(connection, differences)
            if differences:
                lines = [f"  {d.stream}: {d}" for d in differences]
                message = "\n".join(["DuckDB does not hold what the org holds:", *lines])
                raise DemoError(message)
            show_first_response(connection)
        forget_deleted(url)
    report()
    console.print(f"\nLook around yourself: {DATABASE.relative_to(CHECKOUT)}")
    if REPORT.exists():
        console.print(f"Open in a browser: {REPORT.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except (DemoError, analytics.AnalyticsError) as error:
        console.print(f"[red]{error}[/red]")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
