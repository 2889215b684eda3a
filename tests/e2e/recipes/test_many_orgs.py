"""Twenty orgs side by side on two workers, by the command of docs/orchestrators.md."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import Org, Simulator
from tests.e2e.postgres import Database
from tests.e2e.project import MeltanoProject
from tests.e2e.recipes import jobs

NAMES = [f"org{number:02}" for number in range(20)]
REFUSED = "org07"
FEW = ("org06", REFUSED, "org08")  # those of the second round
STREAMS = {"customers": "customer", "conversations": "conversation", "messages": "message"}


def small(number: int) -> Simulator:
    """Return an org of some rows that are nobody else's, with a key of its own."""
    org = Org(seed=100 + number, org_id=f"5f0c5e1dd0a1b2c3d4e5{number:04x}", realistic=False)
    org.add("customer", 5 + number)
    org.add("conversation", 3)
    org.add("message", 4)
    return Simulator(org, limits=False, api_key=f"key-of-{NAMES[number]}")


@dataclass
class Orgs:
    """The orgs, and a project that loads them into one database."""

    served: dict[str, Simulator]
    project: MeltanoProject
    database: Database

    def write(self, name: str, **changed: str) -> None:
        """Write the file of an org."""
        config = {**self.served[name].config, "org_name": name, **changed}
        lines = "".join(f"TAP_KUSTOMER_{key.upper()}={value}\n" for key, value in config.items())
        (self.project.root / "orgs" / f"{name}.env").write_text(lines, encoding="utf-8")

    def load(self) -> subprocess.CompletedProcess[str]:
        """Run the command of the page."""
        return subprocess.run(
            ["/bin/sh", "-c", jobs.block("many orgs")],
            cwd=self.project.root, env=dict(self.project.env),
            capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip

    def rows(self, name: str, table: str) -> list[tuple[str, str]]:
        """Return key and org of each row of an org's table."""
        found = self.database.query(f"select id, org_id from kustomer_{name}.{table}")  # noqa: S608
        return sorted((row["id"], row["org_id"]) for row in found)

    def expected(self, name: str, kind: str) -> list[tuple[str, str]]:
        """Return the same of the org itself."""
        org = self.served[name].org
        return sorted((id_, org.org_id) for id_ in org.ids(kind))

    def read_customers(self, name: str) -> int:
        """Return how many rows the searches of an org's customers have shown."""
        return sum(log.rows for log in self.served[name].searches("customer"))

    def state_of(self, name: str) -> str:
        """Return the org that an org's one state is of."""
        folder = str(self.project.root / ".meltano" / "orgs" / name)
        there = self.project.with_env(MELTANO_SYS_DIR_ROOT=folder)
        (state_id,) = there.meltano("state", "list").stdout.split()
        assert state_id == f"dev:tap-kustomer-to-target-postgres:{name}"
        state = json.loads(there.meltano("state", "get", state_id).stdout)
        return str(state["singer_state"]["tap_kustomer"]["org_id"])

    def schemas(self) -> set[str]:
        """Return the schemas that were made."""
        found = self.database.query("select distinct schemaname from pg_tables")
        return {row["schemaname"] for row in found if row["schemaname"].startswith("kustomer_")}


@pytest.fixture
def orgs(installed_project: MeltanoProject, programs: Path, port: int) -> Iterator[Orgs]:
    """Serve twenty orgs, one of which refuses the key that is in its file."""
    installed_project.meltano("install", "target-postgres")
    database = Database(programs / "psql", port, "meltanolabs", "orgs")
    database.create()
    target = {"HOST": "127.0.0.1", "PORT": str(port), "USER": "postgres", "PASSWORD": "none",
              "DATABASE": "orgs"}  # fmt: skip
    project = MeltanoProject(
        installed_project.root,
        jobs.clean_env(
            **{f"TARGET_POSTGRES_{name}": value for name, value in target.items()},
        ),
    )
    (project.root / "orgs").mkdir()
    with contextlib.ExitStack() as stack:
        served = {name: stack.enter_context(small(number)) for number, name in enumerate(NAMES)}
        made = Orgs(served, project, database)
        for name in NAMES:
            made.write(name)
        made.write(REFUSED, api_key=served["org08"].config["api_key"])
        yield made


def test_twenty_orgs_on_two_workers_keep_apart(orgs: Orgs) -> None:
    """A schema and a state for each; one key that is refused stops nobody else."""
    done = orgs.load()

    assert done.returncode == 123, done.stdout + done.stderr
    loaded = set(NAMES) - {REFUSED}
    assert orgs.schemas() == {f"kustomer_{name}" for name in loaded}
    for name in loaded:
        for table, kind in STREAMS.items():
            assert orgs.rows(name, table) == orgs.expected(name, kind), (name, table)
        assert orgs.state_of(name) == orgs.served[name].org.org_id

    # Two more rounds, of three of them, with the right key. The first counts once more what one
    # answer showed; the second goes on from the states.
    for name in set(NAMES) - set(FEW):
        (orgs.project.root / "orgs" / f"{name}.env").unlink()
    orgs.write(REFUSED)
    reads: list[dict[str, int]] = []
    for _ in range(2):
        for name in FEW:
            org = orgs.served[name].org
            org.add("message", 1, updated_at=org.clock.now())
            orgs.served[name].reset_log()
        done = orgs.load()

        assert done.returncode == 0, done.stdout + done.stderr
        for name in FEW:
            for table, kind in STREAMS.items():
                assert orgs.rows(name, table) == orgs.expected(name, kind), (name, table)
        reads.append({name: orgs.read_customers(name) for name in FEW})
    whole = {name: len(orgs.served[name].org.ids("customer")) for name in FEW}
    assert reads[0][REFUSED] >= whole[REFUSED]
    assert all(reads[1][name] < whole[name] for name in FEW if name != REFUSED), reads


def test_meltano_has_one_catalog_for_all_environments(
    project: MeltanoProject, served: Simulator
) -> None:
    """Why each org has a folder: once this fails, Meltano keeps them apart itself."""
    files = []
    for name in ("dev", "prod"):
        served.org.add_klass(f"only_{name}")
        project.meltano("--environment", name, "invoke", "--dump=catalog", "tap-kustomer--quick")
        found = (project.root / ".meltano" / "run").glob("tap-kustomer--quick/**/tap.properties*n")
        files += [file for file in found if f"only_{name}" in file.read_text(encoding="utf-8")]

    assert len(files) == 2
    assert len(set(files)) == 1
