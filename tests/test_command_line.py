"""What holds for all of the command line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrxs_tiles.__main__ import main
from running import BIN, REPO, TINY, write


def unread(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and the errors of a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    # the package of this clone, wherever the installed one lies
    environment = os.environ | {"PYTHONPATH": f"{REPO}/workflow"}
    command = [BIN / "mrxs-tiles", *arguments]
    try:
        ran = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    finally:
        os.close(writing)
    return ran.returncode, ran.stderr


@pytest.mark.slow
def test_nobody_reads_the_output(tmp_path: Path) -> None:
    """`| head` ends before us: the files are written, the exit code is true, nothing is said."""
    slide = write(tmp_path / "slides" / "a.mrxs", TINY).path
    results = ("--results", tmp_path / "results", "--tile-size=200")
    assert unread("inspect", slide, *results) == (0, "")
    assert unread("tile", slide, *results) == (0, "")
    assert unread("report", *results) == (0, "")
    assert (tmp_path / "results" / "report.html").is_file()
    assert unread("survey", tmp_path / "slides", *results) == (0, "")
    assert unread("survey", "--help") == (0, "")
    (tmp_path / "slides" / "b.mrxs").write_bytes(b"")
    code, errors = unread("survey", tmp_path / "slides", *results)
    assert (code, errors) == (1, "mrxs-tiles: bad slides: 1, listed above\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["cut"], "argument COMMAND: invalid choice: 'cut'"),
        (["inspect"], "the following arguments are required: SLIDE"),
        (["report", "A.mrxs"], "unrecognized arguments: A.mrxs"),
        (["tile", "A.mrxs", "--threads", "0"], "argument --threads: '0' is not a whole number "
         "from 1"),
        (["tile", "A.mrxs", "--threads", "1.5"], "argument --threads: '1.5' is not a whole number "
         "from 1"),
        (["tile", "A.mrxs", "--qualty", "3"], "unrecognized arguments: --qualty 3, did you mean "
         "--quality?"),
        (["run", "--slides", "data"], "unrecognized arguments: --slides: slides stand without a "
         "name, as in mrxs-tiles run /data/slides --results DIR"),
        (["inspect", "A.mrxs", "--threads", "1"], "unrecognized arguments: --threads 1"),
        # an option is not guessed from its beginning: another version may have one more
        (["inspect", "A.mrxs", "--tile", "3"], "unrecognized arguments: --tile 3"),
    ],
)  # fmt: skip
def test_wrong_usage(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wrong usage ends with 2 and says what is wrong; nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert says in said.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_say_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe of Windows knows 256 characters: a name with others in it is escaped there."""
    slide = tmp_path / "slides" / "\u0142\u00f3d\u017a.mrxs"
    slide.parent.mkdir()
    slide.touch()  # without its folder
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding="cp1252"))
    assert main(["survey", str(slide), "--results", str(tmp_path / "results")]) == 1
    assert b"\\u0142\xf3d\\u017a (failed)" in said.getvalue()


@pytest.mark.parametrize("command", ["inspect", "tile", "viewer", "preview"])
def test_a_name_for_a_file(
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who gives a slide's name in the results is told its file, and the results stay."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/sub/A 1"
    folder.mkdir(parents=True)
    (folder / "slide.json").write_text('{"slide": "sub/A 1", "path": "/x/A.mrxs"}')
    assert main([command, "sub/A 1", "--results", "results"]) == 1
    assert capsys.readouterr().err == (
        'mrxs-tiles: There is no file "sub/A 1", but results has a slide of that name: give its '
        "file, \"/x/A.mrxs\" --slide 'sub/A 1'.\n"
    )
    assert [path.name for path in folder.iterdir()] == ["slide.json"]
