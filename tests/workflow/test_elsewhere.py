"""Used from elsewhere: as a module in another workflow, and as the Workflow Catalog finds it."""

from __future__ import annotations

import json
import os
import site
import venv
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.mirax.unchanged import PROMISE
from running import REPO, TINY, Ran, lasting, snakemake, snakemake_command, table

pytestmark = pytest.mark.slow

A, B = "A", "sub dir/B 1"
BAD = "bad"

# Two of our modules, and a rule that goes on with a slide's table. {prefix} is empty or a line.
OUTER = """
from snakemake.utils import min_version
min_version("9.0")

SLIDES = [{a!r}, {b!r}]

module mrxs:
    snakefile: {snakefile!r}
    config: {{"slides": {slides!r}, "results": "results", "tile_size": 200}}
    {prefix}

use rule * from mrxs as mrxs_*

rule count:
    input: "{below}results/{{slide}}/tiles.tsv"
    output: "counts/{{slide}}.txt"
    shell: "wc -l <{{input:q}} >{{output:q}}"

rule all:
    default_target: True
    input: rules.mrxs_all.input, expand(rules.count.output, slide=SLIDES)
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A folder with `slides/` and `work/`, where they were cut by the workflow alone."""

    def make(folder: Path) -> Ran:
        for number, name in enumerate([A, B]):
            running.write(folder / "slides" / f"{name}.mrxs", replace(TINY, seed=number))
        return snakemake(folder / "work", slides=folder / "slides", tile_size=200)

    return running.once(tmp_path_factory, "plain", make)


def outer(folder: Path, slides: Path, below: str = "", snakefile: str = "Snakefile") -> Path:
    """Another workflow that uses this one."""
    prefix = f"prefix: {below.rstrip('/')!r}" if below else ""
    text = OUTER.format(
        a=A, b=B, snakefile=str(REPO / snakefile), slides=str(slides), prefix=prefix, below=below
    )
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("below", [pytest.param("", marks=pytest.mark.torture), "inner/"])
def test_as_a_module(plain: tuple[Path, Ran], tmp_path: Path, below: str) -> None:
    """Another workflow uses this one, goes on with its tables, and gets the same results."""
    folder, _ = plain
    repo, work = outer(tmp_path / "outer", folder / "slides", below), tmp_path / "work"
    steps = [f"{step} {name}" for step in ("inspect", "tile") for name in (A, B)]
    for jobs in (sorted([f"count {A}", f"count {B}", *steps, "report"]), []):
        ran = snakemake(work, repo=repo)
        assert (ran.code, ran.jobs) == (0, jobs), ran.text
    assert lasting(work / below / "results") == lasting(folder / "work" / "results")
    for name in (A, B):
        rows = table(work / below / "results" / name / "tiles.tsv")
        assert int((work / "counts" / f"{name}.txt").read_text()) == len(rows) + 1
    measured = [row["seconds"] for row in table(work / below / "results" / "runtime.tsv")]
    assert len(measured) == 4
    assert all(measured)
    logs = work / below / "results/logs" / A
    assert sorted(path.name for path in logs.iterdir()) == [
        *("inspect.benchmark.tsv", "inspect.log", "tile.benchmark.tsv", "tile.log")
    ]
    if below:  # what is marked for Snakemake's own report is in the outer workflow's too
        ran = snakemake(work, "--report", str(tmp_path / "x.html"), repo=repo)
        assert ran.code == 0, ran.text
        text = (tmp_path / "x.html").read_text("utf-8")
        assert text.count("-map.jpg") >= 2
        assert "inner/results/report.tsv" in text


@pytest.mark.torture
def test_two_modules(plain: tuple[Path, Ran], tmp_path: Path) -> None:
    """Two uses side by side, one of them with a prefix, are not in each other's way."""
    folder, _ = plain
    repo = outer(tmp_path / "outer", folder / "slides")
    text = (repo / "Snakefile").read_text("utf-8").replace("rules.mrxs_all", "rules.other_all")
    more = OUTER[OUTER.index("module mrxs") : OUTER.index("rule count")].format(
        snakefile=str(REPO / "Snakefile"), slides=str(folder / "slides"), prefix='prefix: "below"'
    )
    more = more.replace("mrxs as", "other as").replace("mrxs_*", "other_*")
    more = more.replace("module mrxs", "module other").replace("from mrxs", "from other")
    text = text.replace("rule count", f"{more}\nrule count")
    (repo / "Snakefile").write_text(text, "utf-8")
    work = tmp_path / "work"
    assert snakemake(work, repo=repo).code == 0
    assert snakemake(work, "mrxs_all", repo=repo).code == 0
    expected = lasting(folder / "work" / "results")
    assert lasting(work / "results") == expected
    assert lasting(work / "below" / "results") == expected


def test_a_bad_slide_in_a_module(plain: tuple[Path, Ran], tmp_path: Path) -> None:
    """It ends the outer run without an error, as README says; with `stop` it does not."""
    slides = tmp_path / "slides"
    slides.mkdir()
    for name in (A, "sub dir"):
        (slides / name).symlink_to(plain[0] / "slides" / name)
    (slides / f"{A}.mrxs").symlink_to(plain[0] / "slides" / f"{A}.mrxs")
    (slides / f"{BAD}.mrxs").write_text("no slide")
    repo, work = outer(tmp_path / "outer", slides), tmp_path / "work"
    ran = snakemake(work, repo=repo)
    assert ran.code == 0, ran.text
    rows = table(work / "results" / "report.tsv")
    assert [(row["slide"], row["status"]) for row in rows] == [
        *((A, "ok"), (BAD, "failed"), (B, "ok"))
    ]
    # what was said of the next run holds here too, where no hook is run
    promised = work / "results" / A / "tiles.json"
    said = json.loads(promised.read_text("utf-8")) | {"error": f"It is so: {PROMISE}"}
    promised.write_text(json.dumps(said), "utf-8")
    assert snakemake(work, "-n", repo=repo).jobs == ["report"]
    ran = snakemake(work, repo=repo)
    assert {f"inspect {A}", f"tile {A}"} <= {*ran.jobs}
    assert running.record(promised)["error"] == ""
    text = (repo / "Snakefile").read_text("utf-8")
    stop = text.replace('"tile_size"', '"on_bad_slide": "stop", "tile_size"')
    (repo / "Snakefile").write_text(stop, "utf-8")
    assert snakemake(tmp_path / "strict", repo=repo).code == 1


@pytest.mark.torture
def test_from_the_folder_workflow(plain: tuple[Path, Ran], tmp_path: Path) -> None:
    """`workflow/Snakefile`, where the catalog looks, is the same workflow."""
    options = (
        running.BIN / "snakemake",
        "--snakefile",
        REPO / "workflow" / "Snakefile",
        "--cores",
        "2",
    )
    config = (f"slides={plain[0] / 'slides'}", "tile_size=200")
    ran = running.run_ours(*options, "--directory", tmp_path, "--config", *config)
    assert ran.code == 0, ran.text
    assert lasting(tmp_path / "results") == lasting(plain[0] / "work" / "results")


def test_catalog() -> None:
    """What the Workflow Catalog asks of a repository that it lists is there."""
    readme = (REPO / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (REPO / "workflow" / "Snakefile").is_file()
    assert (REPO / "config" / "README.md").is_file()
    for deployed in ("config/config.yaml", ".test/config/config.yaml"):
        read_config(yaml.safe_load((REPO / deployed).read_text("utf-8")))
    assert {path.suffix for path in (REPO / "workflow" / "rules").iterdir()} == {".smk"}
    usage = yaml.safe_load((REPO / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is True
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}


def test_python_below_a_name_with_a_blank(plain: tuple[Path, Ran], tmp_path: Path) -> None:
    """Snakemake hands the path of Python to a shell as it is: one with a blank in it, too."""
    home = tmp_path / "Anna Maria (x)"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    (here,) = home.glob("[Ll]ib/**/site-packages")
    paths = [str(path) for path in site.getsitepackages()]
    (here / "ours.pth").write_text("\n".join(paths), encoding="utf-8")
    (python,) = (path for path in home.glob("*/python*") if path.stem == "python")
    command = snakemake_command(tmp_path / "work", slides=plain[0] / "slides" / f"{A}.mrxs")[1:]
    (tmp_path / "work").mkdir()
    ran = running.run(python, "-m", "snakemake", *command)
    assert (ran.code, ran.jobs) == (0, [f"inspect {A}", "report", f"tile {A}"]), ran.text
