"""A slide and its name: what a name may be, and when two are in each other's way."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mrxs_tiles.errors import ConfigError, printable, shown
from mrxs_tiles.settings import Settings

LOGS = "logs"  # the folder below the results, with one for each slide in it
OF_REPORT = (
    *("report.tsv", "report.html", "report_files", "runtime.tsv"),
    *("run.json", "ro-crate-metadata.json"),
)
# What lies beside the slides' folders, and who writes it.
RESERVED = {**dict.fromkeys(OF_REPORT, "the report"), "survey.tsv": "survey", LOGS: "each step"}
# To Snakemake braces are wildcards, also in the path of an input, and nothing escapes them; a
# line break ends its patterns; what is not UTF-8 it cannot write down.
UNFIT = re.compile(r"[{}\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# In a name that ends so Snakemake sees rules that call themselves for ever.
PERIODIC = re.compile(r"(.+?)\1{19}")  # of the name read backwards: the shortest is found
LONGEST_PART = 240  # bytes; file systems allow 255, and a log's name is longer than the slide's


@dataclass(frozen=True, slots=True)
class Slide:
    """One slide: its name, where it lies (absolute, links not resolved), how it is cut.

    ``refused`` is the sentence on why nothing can be done with it, else empty. The name and the
    path of a refused slide are there to be shown: bytes that are not UTF-8 are escaped in them.
    ``carried`` are columns of the sheet and their cells, in the order of the key ``carry``.
    """

    name: str
    path: Path
    settings: Settings
    refused: str = ""
    carried: tuple[tuple[str, str], ...] = ()


def name_fault(name: str) -> str:
    """Return what is wrong with a name as a place below the results, else an empty text.

    It completes a sentence: the name "a/../b" <holds the part "..">.
    """
    parts = name.split("/")
    odd = [part for part in parts if part in ("", ".", "..")]
    if name.startswith("/"):
        return "is an absolute path"
    if odd:
        return f"holds the part {shown(odd[0])}" if odd[0] else "holds an empty part"
    if parts[0] in RESERVED:
        return f"begins with {parts[0]}, which {RESERVED[parts[0]]} writes there"
    if max(len(part.encode("utf-8", "replace")) for part in parts) > LONGEST_PART:
        return f"has a part of more than {LONGEST_PART} bytes"
    return ""


def slide_id(slide: str) -> str:
    """A short name for a slide that is safe in a file's name and an address, and its own."""
    return hashlib.sha256(slide.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def fit_for_cluster(slide: Slide) -> Slide:
    """Refuse a slide that Snakemake cannot name to a job on another machine.

    It writes the name and the path into a shell's command as Python shows a text: where that is in
    double quotes, ``$`` is the shell's; a backslash is doubled. A comma ends the name.
    """
    unfit = "," in slide.name or not all(map(_reaches, (slide.name, str(slide.path))))
    if slide.refused or not unfit:
        return slide
    why = (
        "Snakemake cannot carry to a cluster a name with a comma, or a path with a backslash or "
        f'with a quote beside another one, "$" or "`": rename {shown(slide.path)}, give the slide '
        "another name in the column slide of a sheet, or run it with --cores on one machine."
    )
    return replace(slide, refused=f"Slide {shown(slide.name)}: {why}")


def check_for_cluster(typed: Iterable[str]) -> None:
    """See that what was typed after ``--config`` reaches a job on another machine.

    Raises:
        ConfigError: the shell there would change it.
    """
    for entry in typed:
        if not _reaches(entry):
            raise ConfigError(
                f"Snakemake cannot carry {shown(entry)} to a cluster, for its backslash or quote, "
                '"$" or "`": write it into config.yaml instead.'
            )


def _reaches(text: str) -> bool:
    """Whether a text that Python has quoted is the same text to a shell."""
    quoted = repr(text)
    return quoted[1:-1] == text and (quoted[0] == "'" or not re.search(r"[$`]", text))


def fit(slide: Slide) -> Slide:
    """Refuse a slide that would keep Snakemake from working on all others."""
    path_shown = Path(printable(str(slide.path)))
    if slide.refused:
        return replace(slide, name=printable(slide.name), path=path_shown)
    name, path = shown(slide.name), shown(slide.path)
    another = "give the slide another name in the column slide of a sheet."
    if match := UNFIT.search(str(slide.path)):
        why = (
            f"its path {path} holds {_what(match.group())}, which Snakemake cannot carry: rename "
            "that file (and the data folder of a .mrxs with it) or folder."
        )
    elif match := UNFIT.search(slide.name):
        why = f"its name holds {_what(match.group())}, which Snakemake cannot carry: {another}"
    elif match := PERIODIC.match(slide.name[::-1]):
        why = (
            f"its name ends in {shown(match[1][::-1])} twenty times in a row, at which Snakemake "
            f"stops: {another}"
        )
    elif fault := name_fault(slide.name):
        why = f"its name {fault}: rename the file {path}, or {another}"
    else:
        return slide
    return replace(
        slide, name=printable(slide.name), path=path_shown, refused=f"Slide {name}: {why}"
    )


def _what(char: str) -> str:
    if char in "{}":
        return shown(char)
    kind = "bytes that are not UTF-8" if char >= "\ud800" else "a control character"
    return f"{kind} ({shown(char)})"


def clashes(slides: Iterable[Slide]) -> list[str]:
    """Return a fault for each name that two slides have, or that lies inside another's folder."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for slide in slides:
        places[slide.name].append(shown(slide.path))
    advice = "rename one, or give names in the column slide of a sheet."
    faults = []
    for name, paths in sorted(places.items()):
        if len(paths) == 1:
            continue
        where = " and ".join(sorted(set(paths)))
        if len(set(paths)) == 1:
            faults.append(
                f"{len(paths)} rows of the sheet name {where} as {shown(name)}: remove one, or "
                "give it another name in the column slide, to cut the slide twice."
            )
        else:
            faults.append(f"{len(paths)} slides have the name {shown(name)}: {where}: {advice}")
    faults.extend(
        f"The slide {shown(name)} ({paths[0]}) would lie in the results of the slide "
        f"{shown(name[: cut.start()])} ({places[name[: cut.start()]][0]}): {advice}"
        for name, paths in sorted(places.items())
        for cut in re.finditer("/", name)
        if name[: cut.start()] in places
    )
    return faults
