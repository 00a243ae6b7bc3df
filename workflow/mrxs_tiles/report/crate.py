"""``ro-crate-metadata.json``: the same for archives and WorkflowHub, as RO-Crate describes runs.

By the profile Workflow Run Crate: the run is a ``CreateAction`` of the workflow, with the config's
keys as its parameters. Ids come from what they name, and the date is that of our release: two
runs give equal bytes. Slides are no part of a crate, so nothing says where they lie.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import mrxs_tiles
from mrxs_tiles.errors import printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import write_file
from mrxs_tiles.report.pictures import FOLDER
from mrxs_tiles.wording import literal

if TYPE_CHECKING:
    from rocrate.model import ContextEntity, DataEntity

MOST_SLIDES = 1000  # with more the folders are not listed: run.json names all slides
PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
)
FILES = {
    manifest.REPORT_TSV: ("All slides, one row each", "text/tab-separated-values"),
    manifest.REPORT_HTML: ("All slides as a page", "text/html"),
    manifest.RUN_JSON: ("What made these results", "application/json"),
}


def write_crate(results: Path, run: Record) -> None:
    """Write the metadata of results whose ``run.json`` will hold ``run``.

    Raises:
        ResultsError: it cannot be written.
    """
    text = json.dumps(crate(run), indent=2, ensure_ascii=False) + "\n"
    write_file(results / manifest.CRATE_JSON, text.encode("utf-8", "backslashreplace"))


def crate(run: Record) -> Record:
    """The metadata."""
    made = _Crate(run)
    made.describe()
    made.add_run(made.workflow(), made.files())
    found: Record = made.crate.metadata.generate()
    return found


class _Crate:
    """The metadata while it is made, of results whose ``run.json`` holds ``run``."""

    def __init__(self, run: Record) -> None:
        # here: only the report writes it, and it takes 0.1 s that no start of a run has to spare
        from rocrate.rocrate import ROCrate

        self._run = run
        self.crate = ROCrate()

    def _add(self, identity: str, kind: str | list[str], **properties: object) -> ContextEntity:
        from rocrate.model import ContextEntity

        return self.crate.add(ContextEntity(self.crate, identity, {"@type": kind, **properties}))

    def describe(self) -> None:
        """What the whole is, and the profiles that it follows."""
        count = len(self._run["slides"])
        self.crate.name = f"Tiles of {count:,} slide{'' if count == 1 else 's'}"
        self.crate.description = (
            "Tiles cut from whole-slide images, with tables of what became of each."
        )
        self.crate.datePublished = mrxs_tiles.RELEASED
        self.crate.license = "The slides' owners decide; mrxs-tiles itself says nothing of it."
        profiles = [self._add(one, "CreativeWork", name=one) for one in PROFILES]
        self.crate.root_dataset["conformsTo"] = profiles

    def workflow(self) -> ContextEntity:
        """What made them, and the libraries that decide bytes."""
        version = self._run["version"]
        language = self._add("#snakemake", "ComputerLanguage", name="Snakemake")
        workflow = self._add(
            f"#mrxs-tiles-{version}",
            ["SoftwareSourceCode", "ComputationalWorkflow"],
            name="mrxs-tiles",
            version=version,
        )
        workflow["programmingLanguage"] = language
        self.crate.root_dataset["mainEntity"] = workflow
        workflow["softwareRequirements"] = [
            self._add(f"#{name}-{one}", "SoftwareApplication", name=name, softwareVersion=one)
            for name, one in sorted(_libraries(self._run).items())
        ]
        return workflow

    def files(self) -> list[DataEntity]:
        """The results that are named: the tables, the page, and a folder for each slide."""
        files = [
            self.crate.add_file(
                dest_path=name, properties={"name": title, "encodingFormat": encoding}
            )
            for name, (title, encoding) in FILES.items()
        ]
        properties = {"name": "Its pictures"}
        files.append(self.crate.add_dataset(dest_path=f"{FOLDER}/", properties=properties))
        slides = self._run["slides"]
        if len(slides) <= MOST_SLIDES:
            for name in (printable(one["slide"]) for one in slides if one["record"] is not None):
                about = {"name": f"Tiles of {name}"}
                files.append(self.crate.add_dataset(dest_path=f"{name}/", properties=about))
        return files

    def add_run(self, workflow: ContextEntity, files: list[DataEntity]) -> None:
        """That the workflow made the files, with the config's keys as its parameters."""
        action = self._add("#run", "CreateAction", name=f"mrxs-tiles {self._run['version']}")
        action["instrument"] = workflow
        action["result"] = files
        workflow["input"], action["object"] = [], []
        for key, value in self._run["config"].items():
            parameter = self._add(f"#key-{key}", "FormalParameter", name=key, additionalType="Text")
            given = self._add(f"#{key}", "PropertyValue", name=key, value=literal(value))
            given["exampleOfWork"] = parameter
            workflow.append_to("input", parameter)
            action.append_to("object", given)
        self.crate.root_dataset["mentions"] = action


def _libraries(run: Record) -> dict[str, str]:
    return {name: one for step in run["steps"].values() for name, one in step["libraries"].items()}
