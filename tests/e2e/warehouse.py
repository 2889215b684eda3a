"""A database that the tap's output is loaded into, and dbt set up for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb

from tests.e2e import postgres
from tests.e2e.project import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from tests import support
    from tests.e2e.project import MeltanoProject

    Row = dict[str, Any]

__all__ = ["DBT", "LOADED", "PACKAGE", "Warehouse", "files_of", "on_duckdb", "on_postgres"]

VARIABLES = {"kustomer_timezone": "America/New_York", "kustomer_incremental": True}

PACKAGE = CHECKOUT / "analytics"
DBT = CHECKOUT / ".venv-analytics" / "bin" / "dbt"
TARGET_POSTGRES = CHECKOUT / ".venv-target-postgres" / "bin" / "target-postgres"
LOADED = "kustomer"  # schema of the loaded tables in PostgreSQL
# Whatever dbt warns of is an error, but for tests that only warn.
WARNINGS = '{"error": "all", "warn": ["LogTestResult", "LogFreshnessResult"]}'


@dataclass
class Warehouse:
    """A database with the loaded tables, and dbt set up for it."""

    kind: str
    folder: Path
    env: dict[str, str]
    loader: Path
    config: dict[str, Any]

    @property
    def loaded(self) -> str:
        """Return the schema of the loaded tables."""
        return "main" if self.kind == "duckdb" else LOADED

    def load(self, output: support.Output) -> None:
        """Load what the tap printed."""
        path = self.folder / "loader.json"
        path.write_text(json.dumps(self.config), encoding="utf-8")
        command = [str(self.loader), "--config", str(path)]
        done = subprocess.run(
            command, input=output.stdout, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def build(self, *options: str, project: Path = PACKAGE, **variables: Any) -> set[str]:
        """Run models, snapshots and tests; return the tests that warn. All else fails here."""
        self.dbt(
            "build", *options, "--vars", json.dumps({**VARIABLES, **variables}), project=project
        )
        path = self.folder / "target" / "run_results.json"
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        return {one["unique_id"].split(".")[2] for one in results if one["status"] == "warn"}

    def freshness(self) -> str:
        """Return what dbt says of the freshness of what is loaded: pass, warn or error."""
        self.run("source", "freshness")
        path = self.folder / "target" / "sources.json"
        (found,) = json.loads(path.read_text(encoding="utf-8"))["results"]
        status: str = found["status"]
        return status

    def dbt(self, *command: str, project: Path = PACKAGE) -> str:
        """Return what dbt printed."""
        done = self.run(*command, project=project)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def run(self, *command: str, project: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
        """Run dbt; it may fail."""
        profiles = project if (project / "profiles.yml").exists() else PACKAGE
        return subprocess.run(
            [str(DBT), "--warn-error-options", WARNINGS, *command, "--project-dir", str(project),
             "--profiles-dir", str(profiles), "--target", self.kind],
            cwd=self.folder, env={**os.environ, **self.env},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def copied(self, folder: Path) -> Warehouse:
        """Return a copy of the database, to change what the original keeps."""
        if self.kind == "duckdb":
            path = str(folder / "kustomer.duckdb")
            shutil.copy(self.env["KUSTOMER_DUCKDB_PATH"], path)
            env = {"KUSTOMER_DUCKDB_PATH": path}
        else:
            env = {"PGDATABASE": f"{self.env['PGDATABASE']}_copy"}
            self.psql(
                f"create database {env['PGDATABASE']} template {self.env['PGDATABASE']}", "postgres"
            )
        return replace(self, folder=folder, env={**self.env, **env, **files_of(folder)})

    def rows(self, model: str, schema: str = "analytics") -> list[Row]:
        """Return the rows of a model or of what was loaded; dates and moments as text."""
        if self.kind == "duckdb":
            with duckdb.connect(self.env["KUSTOMER_DUCKDB_PATH"], read_only=True) as connection:
                found = connection.execute(f"select to_json(t) from {schema}.{model} t").fetchall()  # noqa: S608
            return [json.loads(text) for (text,) in found]
        sql = f"select coalesce(json_agg(t), '[]') from {schema}.{model} t"  # noqa: S608
        loaded: list[Row] = json.loads(self.psql(sql))
        return loaded

    def execute(self, *statements: str) -> None:
        """Change what was loaded; ``{loaded}`` in a statement is the schema of its tables."""
        filled = [one.format(loaded=self.loaded) for one in statements]
        if self.kind == "duckdb":
            with duckdb.connect(self.env["KUSTOMER_DUCKDB_PATH"]) as connection:
                for one in filled:
                    connection.execute(one)
        else:
            self.psql("; ".join(filled))

    def psql(self, sql: str, database: str | None = None) -> str:
        """Return what PostgreSQL answers."""
        command = [
            self.env["PSQL"],
            "-d",
            database or self.env["PGDATABASE"],
            "-AtX",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]
        done = subprocess.run(
            command, env={**os.environ, **self.env}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


def on_duckdb(folder: Path, project: MeltanoProject) -> Warehouse:
    """Return an empty DuckDB."""
    path = str(folder / "kustomer.duckdb")
    return Warehouse(
        "duckdb",
        folder,
        {"KUSTOMER_DUCKDB_PATH": path, **files_of(folder)},
        project.executable("target-duckdb", "target-duckdb-no-header"),
        {"path": path, "default_target_schema": "main"},
    )


def on_postgres(folder: Path, port: int) -> Warehouse:
    """Return an empty database of PostgreSQL; dbt's sessions are not in UTC, the loader's are."""
    env = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    env["PGTZ"] = "America/Los_Angeles"
    psql = str(postgres.install() / "psql")
    warehouse = Warehouse(
        "postgres",
        folder,
        {**env, "PGDATABASE": "kustomer", "PGPASSWORD": "none", "PSQL": psql, **files_of(folder)},
        TARGET_POSTGRES,
        {
            "host": "127.0.0.1",
            "port": port,
            "user": "postgres",
            "password": "none",
            "database": "kustomer",
            "default_target_schema": LOADED,
        },
    )
    warehouse.psql("create database kustomer", "postgres")
    return warehouse


def files_of(folder: Path) -> dict[str, str]:
    """Return the environment that has dbt keep its files in ``folder``."""
    return {
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
