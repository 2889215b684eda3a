"""Mutates the code, runs the tests that concern it, and says which mutants they did not notice.

    make mutants                                  # all, for some hours
    make mutants MUTANTS="--sample 400 --seed 1"  # some of them, by chance
    make mutants MUTANTS=--survivors              # those that were left, by all random trials

A run forgets what the one before found about the same modules; `--resume` goes on with it.

Ends with status 1 where mutants are left that `equivalent.txt` does not name.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.mutants.choice import ROOT, modules, quick, tests_of
from tools.mutants.trial import KILLED, LOST, SURVIVED, Trial, preload

HERE = Path(__file__).parent
RESULTS = HERE / ".work" / "results.jsonl"
EQUIVALENT = HERE / "equivalent.txt"
PYTHON = ROOT / ".venv-mutants" / "bin" / "python"

Mutant = dict[str, Any]


def main() -> int:
    """Run the mutants that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--sample", type=int, default=0, help="so many by chance; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="modules whose path matches this expression")
    parser.add_argument("--quick", action="store_true", help="only the quickest tests of each")
    parser.add_argument(
        "--trust", action="store_true", help="do not try the tests without a mutant"
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run that was ended")
    parser.add_argument("--survivors", action="store_true", help="what was left the last time")
    options = parser.parse_args()
    names = [name for name in modules() if re.search(options.only, name)]
    mutants: Iterable[Mutant]
    if options.survivors:
        mutants = [one for one in _results() if _is_left(one) and module_of(one) in names]
    else:
        if not options.resume:
            _forget(names)
        done = {one["source"] for one in _results()}
        generated = _generated(options.sample, options.seed, names)
        mutants = (one for one in generated if one["source"] not in done)
    preload()
    _run(mutants, options)
    return _report(names)


def _generated(sample: int, seed: int, names: list[str]) -> Iterator[Mutant]:
    files = [f"tap_kustomer/{name}" for name in names]
    command = [str(PYTHON), "-m", "tools.mutants.generate", str(sample), str(seed), *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603
        for line in process.stdout or ():
            yield json.loads(line)
    if process.returncode:
        sys.exit("The mutants could not be made.")


def _run(mutants: Iterable[Mutant], options: argparse.Namespace) -> None:
    """Run the tests of each mutant, some at a time, and note how each ended.

    The tests without a mutant run among them: they must pass, or are trusted to.
    """
    tried: set[tuple[str, ...]] = set()
    running: list[Trial] = []
    for mutant in mutants:
        tests = tests_of(module_of(mutant))
        if options.quick:
            tests = quick(tests)
        due = [mutant] if options.trust or tests in tried else [None, mutant]
        tried.add(tests)
        for one in due:
            while len(running) >= options.workers:
                running = _still_running(running)
            running.append(Trial(one, tests, few=not options.survivors))
    while running:
        running = _still_running(running)


def _still_running(trials: list[Trial]) -> list[Trial]:
    time.sleep(0.1)
    for trial in trials:
        if trial.end is None:
            continue
        if trial.mutant is None:
            if trial.end != SURVIVED:
                # A test that depends on how busy the machine is: what it "notices" is no proof.
                names = " ".join(trial.tests)
                print(f"Without any mutant, these fail or take too long: {names}", flush=True)  # noqa: T201
            continue
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            ended = {"end": trial.end, "seconds": round(trial.seconds, 1)}
            file.write(json.dumps({**trial.mutant, **ended}) + "\n")
    return [trial for trial in trials if trial.end is None]


def _results() -> list[Mutant]:
    """Return the mutants that have run, each as it ended the last time."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return list({one["source"]: one for one in map(json.loads, lines)}.values())


def _forget(names: Collection[str]) -> None:
    """Forget how the mutants of these modules ended; those of the others are kept."""
    kept = [one for one in _results() if module_of(one) not in names]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("".join(json.dumps(one) + "\n" for one in kept), encoding="utf-8")


def module_of(mutant: Mutant) -> str:
    """Return the module that a mutant is of, by its path below the package."""
    return str(mutant["path"]).removeprefix("tap_kustomer/")


def name_of(mutant: Mutant) -> str:
    """Return how `equivalent.txt` names a mutant: it holds when lines move."""
    return f"{module_of(mutant)}: {mutant['before']} => {mutant['after']}"


def _known() -> set[str]:
    return {line.strip() for line in EQUIVALENT.read_text(encoding="utf-8").splitlines()}


def _is_left(mutant: Mutant) -> bool:
    return mutant["end"] == SURVIVED and name_of(mutant) not in _known()


def _report(names: Collection[str]) -> int:
    results = [one for one in _results() if module_of(one) in names]
    survivors = [one for one in results if _is_left(one)]
    for one in survivors:
        place = f"{one['path']}:{one['line']}"
        print(f"{place} ({one['operator']})\n    {one['before']}\n    {one['after']}")  # noqa: T201
    for name in names:
        if of_module := [one for one in results if module_of(one) == name]:
            print(f"{name}: {_figures(of_module)}")  # noqa: T201
    print(_figures(results))  # noqa: T201
    return bool(survivors)


def _figures(results: Collection[Mutant]) -> str:
    """Return how the mutants ended, in numbers."""
    ends = Counter(one["end"] for one in results)
    survived = sum(_is_left(one) for one in results)
    counted = ends[KILLED] + survived
    return (
        f"{len(results)} mutants: {ends[KILLED]} killed, {ends[LOST]} not decided in time, "
        f"{ends[SURVIVED] - survived} known to be equivalent, {survived} survived. "
        f"Killed: {100 * ends[KILLED] / max(counted, 1):.1f} % of {counted}."
    )


if __name__ == "__main__":
    sys.exit(main())
