"""Jobs that another program runs: the profile of docs/cluster-other.md, to the letter."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import running
from running import REPO, TINY, Ran, lasting, names, snakemake

pytestmark = pytest.mark.slow

ON_THE_QUEUE = ("--profile", "../pbs", "--seconds-between-status-checks", "1")
PAGE = REPO / "docs" / "cluster-other.md"
# A queue of one machine. It starts each job at once, in the background, and knows its end.
QSUB = """#!/bin/sh
for script; do :; done
id=$(mktemp "$QUEUE/XXXXXX")
echo "$@" >"$id"
( sh "$script" >"$id.said" 2>&1; echo $? >"$id.new"; mv "$id.new" "$id.exit" ) >/dev/null 2>&1 &
echo "${id##*/}.stand-in"
"""
QSTAT = """#!/bin/sh
test "$1 $2" = "-x -f" || exit 2
id="$QUEUE/${3%.stand-in}"
test -e "$id" || exit 153
echo "Job Id: $3"
if test -e "$id.exit"
then printf '    job_state = F\\n    Exit_status = %s\\n' "$(cat "$id.exit")"
else printf '    job_state = R\\n'
fi
"""


def block(language: str, begin: str = "") -> str:
    """The first block in a language on the page that begins so."""
    match = re.search(
        rf"^```{language}\n({begin}.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert match is not None
    return match[1]


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's profile in `pbs/`, and a folder where the queue notes what it was given."""
    programs, profile, noted = (tmp_path / name for name in ("bin", "pbs", "queue"))
    for folder in (programs, profile, noted):
        folder.mkdir()
    files = {
        programs / "qsub": QSUB,
        programs / "qstat": QSTAT,
        profile / "config.yaml": block("yaml"),
        profile / "status.sh": block("sh", "#!"),
    }
    for path, text in files.items():
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("QUEUE", str(noted))
    return noted


def submitted(queue: Path) -> list[str]:
    """The words with which each job came, without the path of its script."""
    return sorted(path.read_text().rsplit(" ", 1)[0] for path in queue.glob("??????"))


def run(tmp_path: Path, folder: str, *options: str) -> Ran:
    """Cut the slides in a folder beside them."""
    (tmp_path / folder).mkdir(exist_ok=True)
    return snakemake(
        tmp_path / folder,
        *options,
        cwd=tmp_path / folder,
        slides=tmp_path / "slides",
        tile_size=200,
    )


def test_generic_cluster(tmp_path: Path, queue: Path) -> None:
    """A slide cut through a queue has the bytes of a local run; a second run submits nothing."""
    running.write(tmp_path / "slides" / "sub dir" / "it's B 1.mrxs", TINY)
    ran = run(tmp_path, "cluster", *ON_THE_QUEUE)
    assert ran.code == 0, ran.text
    assert "\n1 slide: 1 ok, 0 bad\n" in ran.err
    jobs = submitted(queue)
    assert len(jobs) == 1, "inspect and tile of a slide are one job, and report is none"
    asked = (
        r"-N mrxs-tiles -j oe -o \.snakemake/log/ "
        r"-l select=1:ncpus=(\d+):mem=(\d+)mb -l walltime=(\d+):00"
    )
    match = re.fullmatch(asked, jobs[0])
    assert match is not None, jobs[0]
    assert all(int(number) > 0 for number in match.groups())
    assert [path.read_text() for path in queue.glob("*.exit")] == ["0\n"]

    assert run(tmp_path, "local").code == 0
    assert lasting(tmp_path / "cluster" / "results") == lasting(tmp_path / "local" / "results")

    ran = run(tmp_path, "cluster", *ON_THE_QUEUE)
    assert (ran.code, "Nothing to be done" in ran.text) == (0, True)
    assert len(submitted(queue)) == 1


@pytest.mark.torture
def test_bad_slide_on_a_generic_cluster(tmp_path: Path, queue: Path) -> None:
    """A bad slide fails no job, is not tried again, and ends the run with an error."""
    running.write(tmp_path / "slides" / "good.mrxs", TINY)
    (tmp_path / "slides" / "bad.mrxs").write_text("no slide")
    ran = run(tmp_path, "cluster", *ON_THE_QUEUE)
    assert ran.code == 1
    assert "Bad slides: 1 of 2, see above. All others are done." in ran.err
    assert len(submitted(queue)) == 2
    assert names(tmp_path / "cluster" / "results" / "good" / "tiles") != []
