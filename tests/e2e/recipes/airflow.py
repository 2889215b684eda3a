"""A real Airflow on this machine: scheduler, parser and API, with a database in a file."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.e2e.recipes.jobs import clean_env, program, until

__all__ = ["Airflow", "started"]

PARTS = (("api-server",), ("scheduler", "--skip-serve-logs"), ("dag-processor",))


@dataclass
class Airflow:
    """What its API tells and takes."""

    url: str
    home: Path
    token: str = ""

    def get(self, path: str) -> dict[str, Any]:
        """Return what the API answers."""
        return self._call("GET", path)

    def set(self, path: str, **values: object) -> None:
        """Change something."""
        self._call("PATCH", path, values)

    def trigger(self, dag: str) -> str:
        """Start a run of a DAG; return its path."""
        self.set(f"dags/{dag}", is_paused=False)
        run = self._call("POST", f"dags/{dag}/dagRuns", {"logical_date": None})
        return f"dags/{dag}/dagRuns/{run['dag_run_id']}"

    def ends(self, run: str) -> str:
        """Wait until a run has ended; return how."""
        until(lambda: self.get(run)["state"] in {"success", "failed"}, f"the end of {run}")
        return str(self.get(run)["state"])

    def tries(self, run: str) -> list[dict[str, Any]]:
        """Return the tries of a run's task."""
        tries: list[dict[str, Any]]
        tries = self.get(f"{run}/taskInstances/load/tries")["task_instances"]
        return tries

    def pool(self) -> tuple[int, int]:
        """Return how many slots run, and how many wait."""
        pool = self.get("pools/kustomer")
        return pool["running_slots"], pool["scheduled_slots"]

    def makes_rounds(self, count: int) -> None:
        """Wait until the scheduler has looked so often for what it could start."""
        seen = {self._heartbeat()}

        def enough() -> bool:
            seen.add(self._heartbeat())
            return len(seen) > count

        until(enough, "the scheduler makes its rounds")

    def _heartbeat(self) -> str:
        health = self.get("monitor/health")
        return str(health["scheduler"]["latest_scheduler_heartbeat"])

    def logs(self) -> str:
        """Return the ends of what its parts and the tasks logged."""
        files = [*self.home.glob("*.log"), *self.home.glob("logs/dag_id=*/**/*.log")]
        return "\n".join(f"{file.name}:\n{file.read_text()[-3000:]}" for file in files)

    def is_up(self) -> bool:
        """Say whether the API answers and the scheduler makes its rounds; log in."""
        with contextlib.suppress(requests.ConnectionError):
            self.token = requests.get(f"{self.url}/auth/token", timeout=60).json()["access_token"]
            return self._heartbeat() != "None"
        return False

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = requests.request(
            method, f"{self.url}/api/v2/{path}", json=body, timeout=60,
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}\n{self.logs()}"
        told: dict[str, Any] = answer.json()
        return told


def _settings(home: Path, port: int) -> dict[str, str]:
    return clean_env(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="4",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__WORKERS="1",
        AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(32),
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    )


@contextlib.contextmanager
def started(home: Path, pool: str) -> Iterator[Airflow]:
    """Run Airflow with the DAGs in ``home``/dags and the pool that a command makes."""
    airflow = program("airflow", "airflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = _settings(home, port)
    for command in (f"{airflow} db migrate", pool.replace("airflow", str(airflow), 1)):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    with contextlib.ExitStack() as stack:
        for part in PARTS:
            log = stack.enter_context((home / f"{part[0]}.log").open("wb"))
            process = subprocess.Popen(
                [str(airflow), *part], env=env, stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(_stop, process)
        server = Airflow(f"http://127.0.0.1:{port}", home)
        until(server.is_up, "Airflow is up")
        yield server


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a part of Airflow and what it started."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
