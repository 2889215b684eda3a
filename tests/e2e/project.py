"""Meltano in a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

from simulator import Simulator
from tests.docs.pages import blocks_of

CHECKOUT = Path(__file__).resolve().parents[2]
MELTANO = CHECKOUT / ".venv-meltano" / "bin" / "meltano"


@dataclass(frozen=True)
class MeltanoProject:
    """A folder with a `meltano.yml`, and the environment that Meltano runs it in."""

    root: Path
    env: Mapping[str, str]
    program: Path = MELTANO

    @property
    def database(self) -> Path:
        """Return the DuckDB file that the loader writes."""
        return Path(self.env["TARGET_DUCKDB_PATH"])

    def with_env(self, **env: str) -> MeltanoProject:
        """Return the same project with more in its environment."""
        return replace(self, env={**self.env, **env})

    def started_afresh(self, folder: Path) -> MeltanoProject:
        """Return the same project without a state, with its database in ``folder``."""
        return self.with_env(
            MELTANO_DATABASE_URI=f"sqlite:///{folder / 'meltano.db'}",
            TARGET_DUCKDB_PATH=str(folder / "kustomer.duckdb"),
        )

    def changed(self, folder: Path, change: Callable[[dict[str, Any]], None]) -> MeltanoProject:
        """Return a project in ``folder`` whose `meltano.yml` is this one's after ``change``."""
        content = yaml.safe_load((self.root / "meltano.yml").read_text(encoding="utf-8"))
        change(content)
        (folder / "meltano.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
        (folder / ".meltano").symlink_to(self.root / ".meltano")
        return replace(self, root=folder, env={**self.env, "MELTANO_PROJECT_ROOT": str(folder)})

    def with_snippet(self, page: Path, remark: str, folder: Path) -> MeltanoProject:
        """Return a project in ``folder`` whose `meltano.yml` also has what a page shows."""
        (snippet,) = (block for block in blocks_of(page) if block.remark == remark)
        added: Mapping[str, Any] = yaml.safe_load(snippet.text)

        def change(content: dict[str, Any]) -> None:
            content["environments"] += added.get("environments", [])
            content["jobs"] += added.get("jobs", [])
            content["plugins"]["extractors"] += added.get("plugins", {}).get("extractors", [])

        return self.changed(folder, change)

    def reading(self, org: Simulator) -> MeltanoProject:
        """Return the same project with the tap set to read all of ``org``, the archive too."""
        config = {**org.config, "start_date": "2015-01-01"}
        return self.with_env(**{f"TAP_KUSTOMER_{k.upper()}": v for k, v in config.items()})

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query of the loaded database answers."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    def meltano(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Meltano and return what it printed; fail with its log if it fails."""
        done = subprocess.run(
            [str(self.program), *arguments],
            cwd=self.root,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"meltano {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done

    def executable(self, plugin: str, name: str) -> Path:
        """Return a program that Meltano installed for ``plugin``."""
        (folder,) = (self.root / ".meltano").glob(f"*/{plugin}/venv/bin")
        return folder / name
