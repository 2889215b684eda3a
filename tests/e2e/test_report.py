"""The demo's report looks like one in a real browser, and asks nobody for anything."""

from __future__ import annotations

import base64
import http.server
import itertools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageColor

from simulator import Org, Simulator
from tests.e2e.project import CHECKOUT, MeltanoProject
from tools.demo import analytics

WIDTH, HEIGHT = 1280, 1900
# Chromium looks for updates of itself and for the time, whatever it is told.
ITS_MAKERS = re.compile(
    r"(https?://)?(update\.googleapis|(accounts|clients\d|www|redirector\.gvt1)\.google)\.com[:/]"
)
FILLED = 1500  # lines of the page that have figures
PAINTED = [(0, 114, 178), (240, 185, 58), (67, 32, 122), (179, 71, 0)]  # of the charts' palette
CUSTOMERS = 120
ADDRESS = "http://report.test/report.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FIGURES = (
    "How long customers wait for a first response",
    "Who waits now",
    "Conversations per week by channel",
    "SLA outcomes by metric",
    "Customer satisfaction (CSAT)",
    "Workload by agent",
    "Reopened conversations",
    "Workload by team",
)
NOTHING_IN_THE_BACKGROUND = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

pytestmark = pytest.mark.skipif(not analytics.available(), reason="dbt does not run on this Python")


@pytest.fixture(scope="module")
def page(installed_project: MeltanoProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report on a small org, made as the demo makes it."""
    folder = tmp_path_factory.mktemp("report")
    org = Org(seed=5)
    org.seed(customers=CUSTOMERS)
    with Simulator(org) as served:
        project = installed_project.started_afresh(folder).reading(served)
        project.meltano("run", "tap-kustomer", "target-duckdb")
    analytics.run_models(project.database, folder)
    written = folder / "report.html"
    analytics.write_report(project.database, written)
    return written


@pytest.fixture(scope="module")
def browser() -> str:
    """Return a Chromium, installed from Debian's packages if need be."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        pytest.skip("There is no Chromium here, and no right to install one.")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ("apt-get", "update", "--quiet"),
        ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"),
    ):
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=280)
    found = shutil.which("chromium")
    assert found is not None, "The package chromium brought no program of that name."
    return found


class Site(http.server.ThreadingHTTPServer):
    """Hands out one page and writes down whatever is asked of this machine."""

    def __init__(self, page: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.page = page
        self.asked: list[str] = []


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with the page, or not at all."""
        site = self.server
        assert isinstance(site, Site)
        site.asked.append(self.path)
        found = self.path == ADDRESS  # a proxy is asked for whole addresses
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if found:
            self.wfile.write(site.page)

    def do_CONNECT(self) -> None:
        """Refuse an address with https, which a browser asks a proxy for in this way."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: the test looks at what was asked."""


@pytest.fixture
def site(page: Path) -> Iterator[Site]:
    """Serve the report on this machine."""
    with Site(page.read_bytes()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def photographed(browser: str, site: Site, folder: Path) -> Path:
    """Return a screenshot of the page; every address of any host leads to ``site``."""
    shot = folder / "report.png"
    port = site.server_address[1]
    command = [
        browser,
        *NOTHING_IN_THE_BACKGROUND,
        f"--user-data-dir={folder / 'browser'}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--screenshot={shot}",
        f"--proxy-server=127.0.0.1:{port}",
        "--proxy-bypass-list=<-loopback>",
        ADDRESS,
    ]
    site.asked.clear()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert shot.exists(), done.stderr[-2000:]
    return shot


def test_the_page_has_every_figure_with_its_numbers(page: Path) -> None:
    """Also who cannot see the pictures gets their title and their numbers."""
    html = page.read_text(encoding="utf-8")

    assert re.findall(r"<h2>(.*?)</h2>", html)[:-1] == list(FIGURES)
    assert len(re.findall(r"<figure", html)) == html.count("<details>") == len(FIGURES)
    assert html.count('alt="') == len(FIGURES)
    # Each has a picture for a phone, where shrunken letters could not be read.
    assert html.count('(max-width: 600px)" srcset=') == len(FIGURES)
    assert len(re.findall(r"<strong>[^<]+</strong>", html)) == 6


def test_every_chart_has_marks_and_no_address(page: Path) -> None:
    """A picture inside the page could still ask for another one."""
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page.read_text("utf-8"))
    assert len(pictures) == len(FIGURES)
    for picture in pictures:
        drawn = base64.b64decode(picture).decode()
        root = ET.fromstring(drawn)  # noqa: S314 - our own picture
        shapes = [one for one in root.iter() if one.tag.endswith(("path", "rect", "line"))]
        assert len(shapes) > 10
        addresses = set(re.findall(r"https?://[^\"' ]+", drawn))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_channels_can_be_told_apart_in_grey() -> None:
    """A printed page has no colours: a step of twenty of 256 greys is seen."""
    text = (CHECKOUT / "tools" / "demo" / "charts.py").read_text(encoding="utf-8")
    found = re.search(r"PALETTE = \[(.*)\]", text)
    assert found is not None
    colours = re.findall(r"#\w{6}", found[1])
    greys = sorted(
        grey for one in colours if isinstance(grey := ImageColor.getcolor(one, "L"), int)
    )
    assert len(greys) == 7
    assert all(b - a >= 20 for a, b in itertools.pairwise(greys))


def strangers(site: Site) -> list[str]:
    """Return what was asked for besides the page, without what a browser asks of its maker."""
    assert ADDRESS in site.asked
    return [one for one in site.asked if one != ADDRESS and not ITS_MAKERS.match(one)]


def test_a_page_that_asks_for_something_is_found_out(
    browser: str, site: Site, tmp_path: Path
) -> None:
    """Else the next test could not fail."""
    site.page = b"<img src='http://elsewhere.test/x.png'><img src='https://fonts.googleapis.com/x'>"

    photographed(browser, site, tmp_path)

    assert set(strangers(site)) >= {"http://elsewhere.test/x.png", "fonts.googleapis.com:443"}


def test_a_browser_shows_it_and_asks_for_nothing_else(
    browser: str, site: Site, tmp_path: Path
) -> None:
    """Whatever the browser asks of any host arrives here: it is the page and nothing more."""
    shot = photographed(browser, site, tmp_path)

    assert strangers(site) == []
    with Image.open(shot) as image:
        picture = image.convert("RGB")
    assert picture.size == (WIDTH, HEIGHT)
    counted = picture.getcolors(WIDTH * HEIGHT)
    assert counted is not None
    pixels = {colour: count for count, colour in counted}
    assert all(pixels.get(colour, 0) > 500 for colour in PAINTED)
    # Every stretch of what is filled in any case has something on it.
    for top in range(0, FILLED, 100):
        stretch = picture.crop((0, top, WIDTH, top + 100))
        assert len(stretch.getcolors(WIDTH * 100) or []) > 10, f"nothing below line {top}"
