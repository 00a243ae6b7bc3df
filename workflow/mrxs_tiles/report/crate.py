"""``ro-crate-metadata.json``: the same for archives and WorkflowHub, as RO-Crate describes runs.

By the profile Workflow Run Crate: the run is a ``CreateAction`` of the workflow, with the config's
keys as its parameters. Ids come from what they name, and the date is that of our release: two
runs give equal bytes. Slides are no part of a crate, so nothing says where they lie.
"""

from __future__ import annotations

import json
from pathlib import Path

import mrxs_tiles
from mrxs_tiles.errors import printable
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import Record
from mrxs_tiles.files.store import write_file
from mrxs_tiles.report.pictures import FOLDER
from mrxs_tiles.wording import literal

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
    # here: only the report writes it, and it takes 0.1 s that no start of a run has to spare
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    made = ROCrate()
    slides = run["slides"]

    def add(identity: str, kind: str | list[str], **properties: object) -> ContextEntity:
        return made.add(ContextEntity(made, identity, {"@type": kind, **properties}))

    made.name = f"Tiles of {len(slides):,} slide{'' if len(slides) == 1 else 's'}"
    made.description = "Tiles cut from whole-slide images, with tables of what became of each."
    made.datePublished = mrxs_tiles.RELEASED
    made.license = "The slides' owners decide; mrxs-tiles itself says nothing of it."
    made.root_dataset["conformsTo"] = [add(one, "CreativeWork", name=one) for one in PROFILES]
    language = add("#snakemake", "ComputerLanguage", name="Snakemake")
    workflow = add(
        f"#mrxs-tiles-{run['version']}",
        ["SoftwareSourceCode", "ComputationalWorkflow"],
        name="mrxs-tiles",
        version=run["version"],
    )
    workflow["programmingLanguage"] = language
    made.root_dataset["mainEntity"] = workflow
    workflow["softwareRequirements"] = [
        add(f"#{name}-{version}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in sorted(_libraries(run).items())
    ]
    files = [
        made.add_file(dest_path=name, properties={"name": title, "encodingFormat": form})
        for name, (title, form) in FILES.items()
    ]
    files.append(made.add_dataset(dest_path=f"{FOLDER}/", properties={"name": "Its pictures"}))
    if len(slides) <= MOST_SLIDES:
        for slide in slides:
            if slide["record"] is not None:
                name = printable(slide["slide"])
                about = {"name": f"Tiles of {name}"}
                files.append(made.add_dataset(dest_path=f"{name}/", properties=about))
    run_action = add("#run", "CreateAction", name=f"mrxs-tiles {run['version']}")
    run_action["instrument"] = workflow
    run_action["result"] = files
    workflow["input"], run_action["object"] = [], []
    for key, value in run["config"].items():
        parameter = add(f"#key-{key}", "FormalParameter", name=key, additionalType="Text")
        given = add(f"#{key}", "PropertyValue", name=key, value=literal(value))
        given["exampleOfWork"] = parameter
        workflow.append_to("input", parameter)
        run_action.append_to("object", given)
    made.root_dataset["mentions"] = run_action
    found: Record = made.metadata.generate()
    return found


def _libraries(run: Record) -> dict[str, str]:
    return {name: one for step in run["steps"].values() for name, one in step["libraries"].items()}
