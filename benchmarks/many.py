"""The report of very many slides: how long it takes, and how soon its page can be used.

Results of one tiny slide are copied under other names, so that what is measured is the report.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import Run, run, table

REPO = Path(__file__).resolve().parents[1]
sys.path.append(str(REPO / "tests" / "helpers"))

COMMAND = (sys.executable, "-m", "mrxs_tiles")
KEYS = ("--tile-size", "64", "--min-tissue", "0.5")  # 20 tiles, kept and dropped ones
COPIED = ("thumbnail.jpg", "tissue.png", "coordinates.tsv", "tiles.tsv", "tiles.png")
GOAL_S = 10
# What each slide's job does at its end, all in one process: its start is the job's own.
EARLY = """
import sys, time
from pathlib import Path
from mrxs_tiles.files.manifest import read_record
from mrxs_tiles.report.piece import make_early
results = Path(sys.argv[1])
began = time.process_time()
for path in results.rglob("tiles.json"):
    make_early(results, read_record(path))
print(time.process_time() - began)
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# until the browser has drawn what an action changed
DRAWN = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def many(tiny: Path, count: int) -> list[str]:
    """Measure with copies of the results of one tiny slide; returns Markdown."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for step in ("inspect", "tile"):
            run([*COMMAND, step, tiny, "--results", work / "one", *KEYS])
        results = work / "results"
        copies(work / "one" / tiny.stem, results, count)
        runs = {"from nothing": _report(results)}
        for folder in ("report_files", "logs"):
            shutil.rmtree(results / folder)
        early = float(run([sys.executable, "-c", EARLY, results]).output[-1])
        runs |= {"the first": _report(results), "nothing changed": _report(results)}
        _change(results / _name(count // 2))
        runs["one slide changed"] = _report(results)
        page = _page(results / "report.html", _name(count - 1))
        size = (results / "report.html").stat().st_size
    rows = [[what, *_figures(what, one, count)] for what, one in runs.items()]
    return [
        f"`mrxs-tiles report` of {count:,} slides, its start included; single runs. From nothing: "
        "it makes all pictures itself; the first: the slides' jobs have made them, for "
        f"{early / count:.3f} s of CPU each.",
        "",
        *table(["report", "CPU s", "wall s", "peak MB", "goal"], rows),
        "",
        f"The page has {size / 1e6:.1f} MB. {page}",
        "",
    ]


def copies(source: Path, results: Path, count: int) -> None:
    """Lay the results of a slide under as many other names."""
    inspected, tiled = (
        json.loads((source / name).read_text("utf-8")) for name in ("slide.json", "tiles.json")
    )
    for number in range(count):
        folder = results / _name(number)
        folder.mkdir(parents=True)
        for name in COPIED:
            # no links: one that is taken away would change the times of all
            shutil.copyfile(source / name, folder / name)
        (folder / "tiles").symlink_to(source / "tiles", target_is_directory=True)
        slide = {"slide": _name(number), "path": f"/slides/{_name(number)}.mrxs"}
        own = {"quickhash": f"q{number}", "index_sha256": f"i{number}"}  # else all are one slide
        own["tissue_mm2"] = 0.01 + 7919 * number % 1000 / 1e5
        _write(folder / "slide.json", inspected | slide | own)
        _write(folder / "tiles.json", tiled | slide)


def _name(number: int) -> str:
    return f"case {number // 40:03}/S{number:04}"


def _write(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _report(results: Path) -> Run:
    time.sleep(2.1)  # what was written just before is looked at again by the next report
    return run([*COMMAND, "report", "--results", results])


def _change(folder: Path) -> None:
    """A slide is cut anew, with one kept tile less."""
    path = folder / "tiles.tsv"
    text = path.read_bytes()
    path.write_bytes(text.replace(b"\t1\t\t", b"\t0\tpen\t", 1))
    record = json.loads((folder / "tiles.json").read_text("utf-8"))
    record["counts"]["kept"] -= 1
    record["counts"]["pen"] += 1
    _write(folder / "tiles.json", record)


def _figures(what: str, one: Run, count: int) -> list[str]:
    goal = ""
    if what == "one slide changed" and count >= 5000:
        goal = f"<= {GOAL_S} s of CPU: {'met' if one.cpu <= GOAL_S else 'missed'}"
    return [f"{one.cpu:.1f}", f"{one.wall:.1f}", f"{one.peak_mb:.0f}", goal]


def _page(path: Path, last: str) -> str:
    """How soon the page can be used, in Chromium; that it is not there, where it is not."""
    from browser import installed, launched

    program = installed()
    if program is None:
        return "No Chromium is here to open it."
    with launched(program) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        page.goto(path.as_uri())
        page.evaluate(DRAWN)
        opened = time.perf_counter() - began
        painted = (page.evaluate(PAINTED) or 0) / 1000
        began = time.perf_counter()
        page.locator("#search").fill(last)
        page.wait_for_selector(f"table.slides > tbody:first-of-type bdi:text-is('{last}')")
        found = time.perf_counter() - began
        page.locator("#search").fill("")
        page.evaluate(DRAWN)
        began = time.perf_counter()
        page.get_by_role("button", name="Tissue mm²", exact=True).click()
        page.wait_for_selector("table.slides:not([aria-busy])")
        page.evaluate(DRAWN)
        ordered = time.perf_counter() - began
    return (
        f"In Chromium: painted after {painted:.2f} s, ready after {opened:.2f} s; a search is "
        f"answered in {found:.2f} s, a column sorted in {ordered:.2f} s."
    )
