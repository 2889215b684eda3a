"""Runs tests over one mutant, in a fork of this process that has all but the tap loaded already."""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tools.mutants.choice import ROOT, quick

__all__ = ["KILLED", "LOST", "SURVIVED", "Trial", "preload"]

KILLED, SURVIVED, LOST = "killed", "survived", "undecided"
# What takes long to load and imports nothing of the tap.
_HEAVY = (
    "aiohttp.web", "backoff", "hypothesis", "jsonschema", "msgspec", "requests", "simulator",
    "singer_sdk.authenticators", "singer_sdk.streams", "singer_sdk.tap_base",
    "sqlite3", "rich.progress", "singer_sdk.contrib.msgspec",
)  # fmt: skip
_MOST_SECONDS, _MOST_PROCESSOR = 180.0, 60  # of tests that usually take a fraction of it
_MOST_PROCESSOR_QUICK = 40  # of the quickest tests
_WITHOUT_A_MUTANT = 2  # as quick at least, or a mutant that changes nothing would seem to loop
_MOST_MEMORY = 4 * 1024**3  # bytes: some mutants fill it
_FEW = "few"  # examples of the random trials: enough for most mutants


def preload() -> None:
    """Load what every test needs, once."""
    for name in _HEAVY:
        importlib.import_module(name)
    gc.freeze()  # else each collection of a fork looks through all of it


class Trial:
    """The tests over one mutant, or over none."""

    def __init__(
        self, mutant: dict[str, Any] | None, tests: Sequence[str], *, few: bool = True
    ) -> None:
        """Start them, ``few`` of the random trials or as many as in `make test`."""
        self.mutant = mutant
        self.tests = tests
        self.seconds = 0.0
        self._few = few
        self._began = time.monotonic()
        self._end: str | None = None
        self._process = os.fork()
        if not self._process:
            os._exit(self._run_tests())

    @property
    def end(self) -> str | None:
        """How it ended; ``None`` while it runs."""
        if self._end is None:
            self.seconds = time.monotonic() - self._began
            pid, status = os.waitpid(self._process, os.WNOHANG)
            if pid:
                # Also by the limits of processor and memory: then it loops.
                self._end = SURVIVED if status == 0 else KILLED
            elif self.seconds > _MOST_SECONDS:
                os.killpg(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)
                self._end = LOST
        return self._end

    def _run_tests(self) -> int:
        os.setsid()
        is_quick = quick(tuple(self.tests)) == tuple(self.tests)
        most = _MOST_PROCESSOR_QUICK if is_quick else _MOST_PROCESSOR
        if self.mutant is None:
            most //= _WITHOUT_A_MUTANT
        else:
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        if self._few:
            os.environ["HYPOTHESIS_PROFILE"] = _FEW
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        if self.mutant is not None:
            sys.meta_path.insert(0, _Finder(self.mutant["path"], self.mutant["source"]))
        # A failing example that is made smaller is no better, and a busy machine is no fault.
        phases, checks = (Phase.explicit, Phase.generate), list(HealthCheck)
        settings.register_profile(
            "mutants", phases=phases, suppress_health_check=checks, database=None
        )
        settings.load_profile("mutants")
        # Nobody reads why a test fails, and rewriting its assertions takes half the time.
        options = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-m", "not e2e"]
        return int(pytest.main([*options, *self.tests]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a text instead of its file."""

    def __init__(self, path: str, source: str) -> None:
        self._name = path.removesuffix(".py").replace("/", ".")
        self._path = str(ROOT / path)
        self._source = source

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Return what loads the module, if it is the one."""
        del path, target
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the text."""
        module.__file__ = self._path
        exec(compile(self._source, self._path, "exec"), module.__dict__)  # noqa: S102
