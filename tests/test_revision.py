"""The digest of a step's code changes when its output may, and not when only its words do."""

from __future__ import annotations

import io
import shutil
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from mrxs_tiles import revision as module

STEPS = ("steps.inspect", "steps.tile", "steps.export", "report.report")
STEPS_OF = {
    "viewer.page": {"steps.tile"},
    "pixels.encode": {"steps.tile"},
    "cutting.cutter": {"steps.tile"},
    "grid.grid": {"steps.inspect", "steps.tile"},
    "slide.reader": {"steps.inspect", "steps.tile"},
    "pixels.filters": {"steps.inspect", "steps.tile", "steps.export"},
    "exports.clam": {"steps.export"},
    "steps.export": {"steps.export"},
    "steps.tile": {"steps.tile"},
    "steps.inspect": {"steps.inspect", "steps.tile"},
    "report.report": {"report.report"},
    "__main__": set(),
    "steps.run_step": set(),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package that may be edited."""
    copy = tmp_path / module.PACKAGE.name
    shutil.copytree(module.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "PACKAGE", copy)
    module.revision.cache_clear()
    yield copy
    module.revision.cache_clear()


def revision(name: str) -> str:
    """The digest as a new process finds it."""
    module.revision.cache_clear()
    return module.revision(name)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def test_same_every_time(package: Path) -> None:
    """The digest is the same in each run, another for each step, and short."""
    found = {step: revision(step) for step in STEPS}
    assert found == {step: revision(step) for step in STEPS}
    assert len(set(found.values())) == len(STEPS)
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in found.values())
    assert package.is_dir()


@pytest.mark.parametrize(("name", "known"), STEPS_OF.items(), ids=STEPS_OF)
@pytest.mark.usefixtures("package")
def test_which_steps_need_a_module(name: str, known: set[str]) -> None:
    """A changed module changes the steps that use it, directly or through others.

    The report reads what the other steps write, and so may use some of their modules.
    """
    before = {step: revision(step) for step in STEPS}
    with module.file_of(name).open("a") as stream:
        stream.write("\nANYTHING = 1\n")
    changed = {step for step in STEPS if revision(step) != before[step]}
    assert changed - {"report.report"} == known - {"report.report"}
    assert ("report.report" in changed) >= ("report.report" in known)


def test_report_does_not_cut_again(package: Path) -> None:
    """An edit of the report leaves the steps before it as they are."""
    before = {step: revision(step) for step in STEPS}
    edit(package / "report/report.py", "MOST_NAMED = 10", "MOST_NAMED = 11")
    after = {step: revision(step) for step in STEPS}
    assert after["report.report"] != before["report.report"]
    assert (after["steps.tile"], after["steps.inspect"]) == (
        before["steps.tile"],
        before["steps.inspect"],
    )


def test_tile_needs_encode_not_report(package: Path) -> None:
    """What cuts tiles depends on the encoder, and can do without the report."""
    before = revision("steps.tile")
    (package / "report/report.py").unlink()
    assert revision("steps.tile") == before
    edit(package / "pixels/encode.py", '"level": 1, "filter"', '"level": 7, "filter"')
    assert revision("steps.tile") != before


def test_template(package: Path) -> None:
    """A page's template, style or script changes the step that fills it in, and no other."""
    folder = package / "report"
    for suffix in ("html", "css", "js"):
        before = {step: revision(step) for step in STEPS}
        with (folder / f"page.{suffix}").open("a") as stream:
            stream.write("\n")
        assert [step for step in STEPS if revision(step) != before[step]] == ["report.report"]
    before = {step: revision(step) for step in STEPS}
    (folder / "another_page.html").write_text("<p>")
    assert {step: revision(step) for step in STEPS} == before


def test_library_version(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of a library that decides the bytes is another revision."""
    before = revision("steps.tile")
    monkeypatch.setattr(module, "version", lambda name: "99.0" if name == "pillow" else "1.0")
    one = revision("steps.tile")
    monkeypatch.setattr(module, "version", lambda name: "99.1" if name == "pillow" else "1.0")
    assert len({before, one, revision("steps.tile")}) == 3
    assert package.is_dir()


CODE = '''"""A module."""

from __future__ import annotations

import os


class Thing:
    """A thing."""

    side = 3  # px

    def area(self, scale: int) -> int:
        """The area."""
        # scaled
        if scale > 1:
            number = self.side
            number *= scale
        return number


def name(docstring: str) -> str:
    """Its name.

    In two paragraphs.
    """
    text = "a # text"
    return docstring
'''

SAME = {
    "module's docstring": ('"""A module."""', '"""Another text."""'),
    "class's docstring": ('"""A thing."""', '"""A thing\n    of two lines."""'),
    "docstring's quotes": ('"""The area."""', "'The area.'"),
    "longer docstring": ("In two paragraphs.", "In\n\n    three."),
    "comment": ("# px", "# micrometres"),
    "no comment": ("  # px", ""),
    "comment of its own line": ("        # scaled\n", ""),
    "new comment": ("import os\n", "import os\n# and no more\n"),
    "blank line": ("import os\n", "import os\n\n\n"),
    "blank line in a function": ("            number *=", "\n            number *="),
    "spaces": ("side = 3", "side  =  3"),
    "spaces at the end": ("import os\n", "import os   \n"),
    "line break in brackets": ("self, scale: int)", "self,\n        scale: int\n    )"),
    "no line at the end": ("    return docstring\n", "    return docstring"),
}
OTHER = {
    "number": ("side = 3", "side = 4"),
    "name": ("side = 3", "size = 3"),
    "text": ('"a # text"', '"another # text"'),
    "behind a hash in a text": ('"a # text"', '"a # word"'),
    "operator": ("scale > 1", "scale >= 1"),
    "indent": ("            number *= scale", "        number *= scale"),
    "dedent": ("        return number", "            return number"),
    "statement less": ('    text = "a # text"\n', ""),
    "statement more": ("import os\n", "import os\nimport re\n"),
    "argument's type": ("scale: int", "scale: float"),
    "order": (
        "number = self.side\n            number *= scale",
        "number *= scale\n            number = self.side",
    ),
    "returned name": ("return docstring", "return"),
    "two texts in one": ("side = 3", 'side = "a" "b"'),
}  # fmt: skip


def code_of(folder: Path, text: str) -> str:
    (folder / "thing.py").write_text(text, "utf-8")
    return revision("thing")


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_does_not_run(package: Path, old: str, new: str) -> None:
    """Comments, docstrings, blank lines and line breaks change nothing."""
    assert CODE.count(old) == 1
    assert code_of(package, CODE.replace(old, new)) == code_of(package, CODE)


@pytest.mark.parametrize(("old", "new"), OTHER.values(), ids=OTHER)
def test_runs(package: Path, old: str, new: str) -> None:
    """Whatever runs changes the digest, an indent alone included."""
    assert CODE.count(old) == 1
    assert code_of(package, CODE.replace(old, new)) != code_of(package, CODE)


def test_comments_are_those_that_python_finds() -> None:
    """In every module of the package a hash begins a comment where Python says so, and no other."""
    for path in module.PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        known = [token.string for token in tokens if token.type == tokenize.COMMENT]
        assert [word for word in module._WORDS.findall(text) if word[0] == "#"] == known, path


IMPORTS = [
    "from mrxs_tiles.other import NUMBER\n",
    "from mrxs_tiles import other\n",
    "from mrxs_tiles.room import other\n",
    "import mrxs_tiles.other\n",
    "def late():\n    from mrxs_tiles.other import NUMBER\n",
]


@pytest.mark.parametrize("text", IMPORTS)
def test_imports_are_followed(package: Path, text: str) -> None:
    """However a module is imported, its code counts."""
    (package / "room").mkdir()
    places = [package / "other.py", package / "room/other.py"]
    for place in places:
        place.write_text("NUMBER = 1\n")
    before = code_of(package, text)
    for place in places:
        place.write_text("NUMBER = 2\n")
    assert code_of(package, text) != before


def test_imports_in_a_circle(package: Path) -> None:
    """Two modules that import each other do not go on for ever."""
    (package / "other.py").write_text("from mrxs_tiles import thing\n")
    assert code_of(package, "from mrxs_tiles import other\n")
