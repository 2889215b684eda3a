"""Where the processor time of a running process goes, thread by thread, by what is on its stack.

Every few milliseconds it asks the system how much processor time each thread has used since, and
puts that down to the innermost frame that a rule knows. Time is thus never guessed from how
often a place is seen, and what waits costs nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

__all__ = ["REST", "Rule", "Sampler"]

REST = "rest"
_TASKS = Path("/proc/self/task")
_NANOSECONDS = 1e9
_EVERY = 0.002  # seconds between two looks
# Python lets another thread run this often, where it would run; by default every 0.005 seconds.
_SWITCH = 0.0005


class Rule(NamedTuple):
    """A stage, and the frames that tell of it: a part of the file's path, and the function."""

    stage: str
    path: str
    function: str = ""  # any

    def fits(self, code: CodeType) -> bool:
        """Say whether a frame of this code tells of the stage."""
        return self.path in code.co_filename and self.function in ("", code.co_name)


class Sampler:
    """Samples from ``start`` to ``stop``; then ``seconds`` holds what each stage has used."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Prepare; of several rules that fit a frame the first counts."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._rules = tuple(rules)
        self._stages: dict[object, str | None] = {}  # code -> its stage, found out once
        self._used: dict[int, float] = {}  # thread -> processor seconds at the last look
        self._own = self._before = self._interval = 0.0
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin, unless it has begun.

        Raises: ``RuntimeError`` where the system does not tell threads apart.
        """
        if self._before:
            return
        if not _TASKS.exists():
            message = "The profile needs the processor time of single threads, which Linux tells."
            raise RuntimeError(message)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        self._before = time.process_time()
        self._thread.start()

    def stop(self) -> None:
        """End, if it has begun; what no sample has seen is ``REST``."""
        if not self._before or self._leave.is_set():
            return
        self._leave.set()
        self._thread.join()
        sys.setswitchinterval(self._interval)
        total = time.process_time() - self._before - self._own
        self.seconds[REST] += max(total - sum(self.seconds.values()), 0.0)

    def _run(self) -> None:
        own = threading.get_ident()
        while not self._leave.wait(_EVERY):
            tasks = {one.ident: one.native_id for one in threading.enumerate()}
            for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the one way
                task = tasks.get(thread)
                if thread != own and task is not None:
                    self._look(task, frame)
        self._own = time.thread_time()

    def _look(self, task: int, frame: FrameType) -> None:
        try:
            text = (_TASKS / str(task) / "schedstat").read_text()
        except OSError:  # it has just ended
            return
        now = int(text.split()[0]) / _NANOSECONDS
        used, self._used[task] = now - self._used.get(task, now), now
        if used > 0:
            self.seconds[self._stage(frame)] += used

    def _stage(self, frame: FrameType | None) -> str:
        while frame is not None:
            code = frame.f_code
            if code not in self._stages:
                fitting = (rule.stage for rule in self._rules if rule.fits(code))
                self._stages[code] = next(fitting, None)
            stage = self._stages[code]
            if stage is not None:
                return stage
            frame = frame.f_back
        return REST
