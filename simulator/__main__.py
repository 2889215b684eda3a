"""`python -m simulator`: serve a seeded org until SIGINT or SIGTERM; the first line is its URL."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING

from simulator import Clock, Fault, Org, Simulator
from simulator.knobs import Knobs
from simulator.replay import Recording, Replay

if TYPE_CHECKING:
    from collections.abc import Sequence


_KNOB_HELP = "any field of simulator.Knobs; values are JSON or text"
_FAULT_HELP = "such as status,status=503,path=/v1/users,times=3; values are JSON or text"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--seed", type=int, default=0, help="the same seed makes the same org")
    add("--customers", type=int, default=200, help="how many to seed; the rest follows from it")
    add("--deleted", type=float, default=0.02, help="share of rows that are softly deleted")
    add("--no-children", action="store_true", help="leave out what only child streams read")
    add("--api-key", default=Knobs.api_key)
    add("--roles", help="roles of the key, separated by commas; default: all")
    add("--plan-limit", type=int, default=1000, help="requests a minute for the whole org")
    add("--search-limit", type=int, default=100, help="searches a minute")
    add("--page-latency", type=float, default=0.0, help="seconds until a search page is sent")
    add("--latency", type=float, default=0.0, help="seconds until any other answer is sent")
    add("--index-lag", type=float, default=0.0, help="seconds that the search shows changes late")
    add("--clock-speed", type=float, default=1.0, help="seconds of the org per real second")
    add("--clock", help="start the org's clock at this instant instead of now")
    add("--gzip", action="store_true", help="compress for clients that accept it")
    add("--fault", action="append", default=[], metavar="KIND[,NAME=VALUE...]", help=_FAULT_HELP)
    add("--replay", metavar="DIR", help="answer with a recording of `tap-kustomer --record`")
    add("--knob", action="append", default=[], metavar="NAME=VALUE", help=_KNOB_HELP)
    return parser


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pairs(texts: Sequence[str]) -> dict[str, object]:
    split = (text.partition("=") for text in texts)
    return {name: _value(value) for name, _, value in split}


def _fault(text: str) -> Fault:
    kind, *details = text.split(",")
    return Fault(kind, **_pairs(details))  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until a signal comes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.replay:
        return _replay(parser, options.replay, options.port)
    clock = Clock(speed=options.clock_speed)
    if options.clock:
        clock.set(options.clock)
    org = Org(
        options.seed,
        clock=clock,
        plan_limit=options.plan_limit,
        search_limit=options.search_limit,
        roles=options.roles.split(",") if options.roles else None,
        index_lag=options.index_lag,
    )
    org.seed(customers=options.customers, deleted=options.deleted, children=not options.no_children)
    try:
        simulator = Simulator(
            org,
            port=options.port,
            api_key=options.api_key,
            page_latency=options.page_latency,
            latency=options.latency,
            gzip=options.gzip,
        )
        simulator.set(**_pairs(options.knob))
        for text in options.fault:
            simulator.faults.add(_fault(text))
        simulator.start()
    except (AttributeError, OSError, TypeError, ValueError) as error:
        parser.error(str(error))
    _wait(simulator.url)
    simulator.stop()
    return 0


def _replay(parser: argparse.ArgumentParser, folder: str, port: int) -> int:
    """Serve a recording until a signal comes."""
    try:
        recording = Recording.load(folder)
        replay = Replay(recording, port=port)
        replay.start()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if recording.cut:
        print("The last line of the recording is cut and was left out.", file=sys.stderr)  # noqa: T201
    print(f"Read it with the config at {replay.url}/_simulator/config", file=sys.stderr)  # noqa: T201
    _wait(replay.url)
    replay.stop()
    return 0


def _wait(url: str) -> None:
    """Print the URL and return when a signal comes."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(url, flush=True)  # noqa: T201  # whoever started it reads this line
    stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
