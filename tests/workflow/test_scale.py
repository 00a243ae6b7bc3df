"""What a cohort of thousands would feel: folders listed, calls and records per slide, counted."""

from __future__ import annotations

import base64
import json
import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import needs
import running
from mrxs_tiles.config.config import read_config
from mrxs_tiles.config.schema import load_schema
from mrxs_tiles.config.slides import find_slides
from mrxs_tiles.config.slides_of_job import slides_file, write_slides
from running import TINY, snakemake

pytestmark = pytest.mark.slow

LOOKS = "stat,lstat,newfstatat,statx,access,faccessat,faccessat2,readlink,readlinkat"
PATH = re.compile(r'"(/[^"]*)"')


def folder_of(tmp_path: Path, count: int) -> Path:
    """Slides in two folders, four in five with a data folder of three files."""
    top = tmp_path / f"{count} slides"
    for number in range(count):
        data = top / f"sub {number % 2}" / f"{number:03}"
        data.parent.mkdir(parents=True, exist_ok=True)
        data.with_suffix(".mrxs").touch()
        if number % 5 == 4:
            continue  # nothing looks for its folder among all the others
        data.mkdir()
        for name in ("Slidedat.ini", "Index.dat", "Data0000.dat"):
            (data / name).touch()
    for folder in top.glob("sub *"):
        os.utime(folder, (0, 0))  # nobody copies slides there just now
    return top


def traced(tmp_path: Path, count: int) -> tuple[Counter[str], int]:
    """How often a dry run lists each folder of the slides, and how many looks at paths it takes."""
    needs.require("strace")
    slides, log = folder_of(tmp_path, count), tmp_path / f"{count}.strace"
    command = running.snakemake_command(tmp_path / f"{count}", "-n", "-q", "all", slides=slides)
    watch = ("-f", "-qq", "-s", "4096", "-e", f"trace=open,openat,{LOOKS}", "-o", log)
    (tmp_path / f"{count}").mkdir()
    assert running.run("strace", *watch, *command).code == 0
    listed: Counter[str] = Counter()
    looks = 0
    for line in log.read_text("utf-8", "replace").splitlines():
        match = PATH.search(line)
        if match is None or not match[1].startswith(str(slides)):
            continue
        if "O_DIRECTORY" in line:
            listed[str(Path(match[1]).relative_to(slides))] += 1
        elif "open" not in line:
            looks += 1
    return listed, looks


def test_each_folder_is_listed_once(tmp_path: Path) -> None:
    """One walk lists the slides and passes over their data; each data folder is listed once.

    Where slides lack theirs, one more look finds what is named alike, however many they are.
    """
    few, few_looks = traced(tmp_path, 10)
    many, many_looks = traced(tmp_path, 30)
    for count, listed in ((10, few), (30, many)):
        data = [f"sub {number % 2}/{number:03}" for number in range(count) if number % 5 != 4]
        assert listed == Counter({".": 1, "sub 0": 2, "sub 1": 2} | dict.fromkeys(data, 1))
    # all that is asked of a slide's four files, Snakemake's own questions included
    assert (many_looks - few_looks) / 20 <= 16, "looks per slide"


def test_records_of_snakemake(tmp_path: Path) -> None:
    """Four small records a slide, none of which holds anything of another; five of the report."""
    for number in range(3):
        running.write(tmp_path / "slides" / f"slide_{number}.mrxs", replace(TINY, seed=number))
    assert snakemake(tmp_path, tile_size=200).code == 0
    records = [path for path in (tmp_path / ".snakemake" / "metadata").rglob("*") if path.is_file()]
    owners: Counter[str] = Counter()
    for path in records:
        output = base64.b64decode(path.name).decode()
        text = path.read_text("utf-8")
        if json.loads(text)["rule"] == "report":
            owners["report"] += 1
            continue
        slide = output.split("/")[-2]
        owners[slide] += 1
        assert set(re.findall(r"slide_\d", text)) == {slide}
        assert len(text) < 3000, "bytes of a record"
    assert owners == {"report": 5, "slide_0": 4, "slide_1": 4, "slide_2": 4}
    left = [path for path in (tmp_path / ".snakemake").rglob("*") if path.is_file()]
    assert len(left) == len(records) + 1, "but for the records, there is the log of the run"


def test_a_job_elsewhere_looks_at_its_own_slide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job on another machine neither searches the folder nor looks at any other slide."""
    needs.require("strace")
    slides, work, log = folder_of(tmp_path, 10), tmp_path / "work", tmp_path / "strace"
    work.mkdir()
    monkeypatch.chdir(work)
    values = {key: rules["default"] for key, rules in load_schema("config").items()}
    config = read_config(values | {"slides": str(slides)})
    write_slides(slides_file(config), find_slides(config))
    # as an executor for a cluster starts Snakemake again, on the node
    mine = ("--target-jobs", "inspect:slide=sub 1/003", "tile:slide=sub 1/003")
    where = ("--mode", "remote", "--allowed-rules", "inspect", "tile", "--nolock", "-n")
    command = running.snakemake_command(work, *where, *mine, slides=slides)
    watch = ("-f", "-qq", "-s", "4096", "-e", f"trace=open,openat,{LOOKS}", "-o", log)
    ran = running.run("strace", *watch, *command)
    assert ran.code == 0, ran.text
    assert ran.jobs == ["inspect sub 1/003", "tile sub 1/003"]
    looked = set(PATH.findall(log.read_text("utf-8", "replace")))
    seen = {path.removeprefix(f"{slides}/") for path in looked if path.startswith(f"{slides}/")}
    assert seen
    assert {path.split("/")[0] for path in seen} == {"sub 1"}
    assert {path.split("/")[1].split(".")[0] for path in seen if "/" in path} == {"003"}
