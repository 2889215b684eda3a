"""The tap's command with a sampler in it: ``python -m tools.bench.sampled FILE --config ...``.

What each stage has used is written to FILE, in processor seconds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from typing_extensions import override

from tap_kustomer.run import StreamRun
from tap_kustomer.tap import TapKustomer
from tools.bench.sampler import Rule, Sampler

__all__ = ["RULES"]

# The innermost frame that one of these knows tells what a thread was at. By file where one does
# one thing only, so that a new function needs no rule.
RULES = (
    Rule("read sockets", "/tap_kustomer/client/"),
    Rule("read sockets", "/requests/"),
    Rule("read sockets", "/urllib3/"),
    Rule("peek at keys", "/tap_kustomer/readers/search/page.py", "peek"),
    Rule("decode", "/tap_kustomer/client/codec.py"),
    Rule("check and order pages", "/tap_kustomer/readers/"),
    Rule("write", "/tap_kustomer/messages.py", "write_lines"),
    Rule("encode", "/tap_kustomer/messages.py"),
    Rule("make rows", "/tap_kustomer/rows/"),
    Rule("make rows", "/tap_kustomer/streams/"),
)


class _SampledTap(TapKustomer):
    """The tap as it is, watched from the first stream until its threads end."""

    _sampler = Sampler(RULES)
    target = Path()

    @override
    def stream_started(self, run: StreamRun) -> None:
        self._sampler.start()
        super().stream_started(run)

    @override
    def close(self) -> None:
        self._sampler.stop()
        self.target.write_text(json.dumps(self._sampler.seconds))
        super().close()


if __name__ == "__main__":
    _SampledTap.target = Path(sys.argv.pop(1))
    _SampledTap.cli()
