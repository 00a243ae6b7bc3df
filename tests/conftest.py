"""What several test modules share: written slides, the real one, the browser, and the markers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import pytest

import as_windows  # first of ours: what it hides is hidden before the package looks
import needs
import programs
import schedule
from browser import chromium as chromium
from browser import watched as watched
from in_process import Variant
from mirax_files import Part, StoredImage
from page_cohort import page_made as page_made
from page_cohort import page_results as page_results
from page_cohort import page_sources as page_sources
from running import LARGE
from write_mirax import VARIANTS, WrittenSlide, scene_of, write_mirax

TRUTH = "truth.json"
SPECS = {**VARIANTS, "large": LARGE}
STARTING = {"chromium": "chromium", "compiler": "cc"}  # fixtures that start what is needed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests as on Windows."""
    text = "hide what Windows has not, and refuse what it refuses (docs/windows.md)"
    parser.addoption(as_windows.OPTION, action="store_true", help=text)


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start.

    A shell has whatever it starts with ``&`` ignore it, and all that this starts inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what tests need by their fixtures, and begin with those that take long."""
    for item in items:
        for fixture in STARTING.keys() & getattr(item, "fixturenames", ()):
            item.add_marker("slow")
            item.add_marker(pytest.mark.needs(STARTING[fixture]))
    items.sort(key=lambda item: schedule.turn_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> schedule.Grouped:
    """Which process runs what."""
    return schedule.Grouped(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is not slow starts no other program, nor do its fixtures."""
    programs.forbid("" if item.get_closest_marker("slow") else item.nodeid)
    try:
        return (yield)
    finally:
        programs.forbid("")


@contextmanager
def _skipped_as_on_windows() -> Iterator[None]:
    try:
        yield
    except (AttributeError, OSError) as error:
        if as_windows.ON_WINDOWS and (said := as_windows.wanted_by_test(error)):
            pytest.skip(said)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """A test that asks itself for what Windows has not is skipped there."""
    with _skipped_as_on_windows():
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)  # what others set up is torn down after a skip, too
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """What a test needs is here, or it is skipped before anything is made for it.

    So is one whose fixture asks for what Windows has not, also where another test had it first.
    """
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            needs.require(name)
    with _skipped_as_on_windows():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, and what to install."""
    needs.summarize(terminalreporter)


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """Written slides by the name of their variant, and `large`; each is written once a session.

    They are shared by all tests and processes: who damages a slide copies it first.
    """
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent  # this session's own; without workers it would be all sessions'
    slides: dict[str, WrittenSlide] = {}

    def written(name: str) -> WrittenSlide:
        if name not in slides:
            slides[name] = _written_once(base / "variants", name)
        return slides[name]

    return written


def _written_once(folder: Path, name: str) -> WrittenSlide:
    """A variant that this process or another one writes; who comes second throws his away."""
    final = folder / name
    folder.mkdir(exist_ok=True)
    if not final.exists():
        scratch = Path(tempfile.mkdtemp(dir=folder))
        slide = write_mirax(scratch / f"{name}.mrxs", SPECS[name])
        truth = {
            "images": [asdict(image) for image in slide.images],
            "others": {key: asdict(part) for key, part in slide.others.items()},
        }
        (scratch / TRUTH).write_text(json.dumps(truth))
        with suppress(OSError):
            scratch.rename(final)
        shutil.rmtree(scratch, ignore_errors=True)
    truth = json.loads((final / TRUTH).read_text())
    return WrittenSlide(
        path=final / f"{name}.mrxs",
        folder=final / name,
        spec=SPECS[name],
        scene=scene_of(SPECS[name]),
        images=tuple(StoredImage(**image) for image in truth["images"]),
        others={key: Part(**part) for key, part in truth["others"].items()},
    )


@pytest.fixture(scope="session")
def aperio() -> Path:
    """A small real slide, not MIRAX."""
    return Path(__file__).parent / "data" / "CMU-1-Small-Region.svs"
