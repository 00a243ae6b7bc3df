"""Results of an earlier run, which stay until there are new ones to put in their place.

A disk that is not mounted for one run, or a slide that was damaged since, is no reason to remove
what was cut. `inspect` puts the records that it replaces into a hidden folder, `tile` puts them
back or, when new tiles are there, removes them. See docs/decisions/14-results-that-stay.md.
"""

from __future__ import annotations

import filecmp
from contextlib import suppress
from pathlib import Path

from mrxs_tiles.cutting.keys import keys_digest
from mrxs_tiles.cutting.publishing import ASIDE, is_amid
from mrxs_tiles.errors import ResultsError, SlideError
from mrxs_tiles.files import manifest
from mrxs_tiles.files.manifest import KEPT, Record
from mrxs_tiles.files.store import make_folder, remove_files, told, write_file
from mrxs_tiles.files.tile_folder import discard_folder
from mrxs_tiles.settings import Settings
from mrxs_tiles.system import replace

ASKED_AGAIN = ".recut"  # asked for by name: what is there now is cut, damaged as it is
# The tables and records that `inspect` replaces. The others `tile` alone touches, at its end.
MOVED = (
    *(manifest.TILES_JSON, manifest.SLIDE_JSON, manifest.COORDINATES_TSV),
    *(manifest.THUMBNAIL, manifest.TISSUE, manifest.LABELS_TSV),
)

AWAY = "Not there now; results of an earlier run kept"
DAMAGED = (
    "Damaged now; results of an earlier run kept until the slide is asked for again (mrxs-tiles "
    "tile --recut, or snakemake --forcerun tile where the workflow is no module of another)"
)
LATEST = "Not cut again yet; results of an earlier run kept"
OTHER_KEYS = "Results of an earlier run with other settings stay where they are."


class DamagedSinceError(SlideError):
    """Tiles cannot be read of a slide that was whole when it was cut with the same keys."""


def may_be_there(folder: Path) -> bool:
    """Whether an earlier run's records are worth reading: a look that costs next to nothing."""
    return (folder / manifest.TILES_JSON).exists() or (folder / ASIDE).exists()


def earlier(folder: Path) -> Record | None:
    """What ``tiles.json`` held of the tiles that lie in a slide's folder; None: there are none.

    That a slide failed is nothing to be kept.
    """
    if is_amid(folder):
        return None
    for place in (folder / ASIDE, folder):
        try:
            record = manifest.read_record(place / manifest.TILES_JSON)
        except ResultsError:
            continue
        was: object = record.get("earlier", record)
        if not isinstance(was, dict) or was.get("status") == "failed":  # or it was edited
            return None
        return was
    return None


def of_same_keys(was: Record, settings: Settings) -> bool:
    """Whether results were cut with the same keys."""
    return bool(was.get("keys") == keys_digest(settings))


def set_aside(folder: Path, *names: str) -> None:
    """Put what an earlier run left out of the way of a new one, or remove it if it is nothing.

    ``names``: which of the files; none: all that `inspect` replaces.

    Raises:
        ResultsError: something cannot be moved.
    """
    if earlier(folder) is None:
        discard_folder(folder, ASIDE)
        # the records say that their step is done: neither may be there while the tables change
        remove_files(folder / manifest.TILES_JSON, folder / manifest.SLIDE_JSON)
        return
    make_folder(folder / ASIDE)
    for name in names or MOVED:
        # what lies there already is the earlier run's, and what is here is a killed one's
        if (folder / name).is_file() and not (folder / ASIDE / name).exists():
            with told(folder / ASIDE):
                replace(folder / name, folder / ASIDE / name)


def restore(folder: Path) -> None:
    """Put back what was set aside: last the record that says that all is there.

    Raises:
        ResultsError: something cannot be moved.
    """
    for name in reversed(MOVED):
        with told(folder / name), suppress(FileNotFoundError):
            replace(folder / ASIDE / name, folder / name)
    discard_folder(folder, ASIDE)


def restore_if_same(folder: Path) -> None:
    """Put the record of `tile` back where a new inspection found what the earlier one had found.

    Where the slide lies may have changed: nothing is cut by that.

    Raises:
        ResultsError: something cannot be moved.
    """
    aside = folder / ASIDE
    try:
        before = manifest.read_record(aside / manifest.SLIDE_JSON)
        now = manifest.read_record(folder / manifest.SLIDE_JSON)
        one, other = aside / manifest.COORDINATES_TSV, folder / manifest.COORDINATES_TSV
        same = before | {"path": now["path"]} == now and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return
    if not same:
        return
    with suppress(ResultsError):  # it is there again, and what was said of it is over
        record = manifest.read_record(aside / manifest.TILES_JSON)
        if record.get("not_inspected"):
            manifest.write_record(aside / manifest.TILES_JSON, record["earlier"])
    with told(folder), suppress(FileNotFoundError):
        replace(aside / manifest.TILES_JSON, folder / manifest.TILES_JSON)
    discard_folder(folder, ASIDE)


def refuse_damage(folder: Path, settings: Settings, error: str, stops: bool) -> None:
    """See that tiles of a slide that is damaged now do not take the place of whole ones.

    Nor, in a job that fails with such a slide (``stops``), the place of any: Snakemake puts back
    the tables of the earlier ones.

    Raises:
        DamagedSinceError: they would, and nobody asked for that.
    """
    was = earlier(folder)
    if was is None:
        return
    if stops:
        raise DamagedSinceError(error)
    if was["status"] != "ok" or (folder / ASKED_AGAIN).exists():
        return
    if of_same_keys(was, settings):
        raise DamagedSinceError(error)


def keep(
    folder: Path, error: SlideError, failed: Record, settings: Settings, stops: bool = False
) -> Record | None:
    """Leave an earlier run's results as they are, and say so in ``tiles.json``.

    Args:
        folder: ``results/{slide}``.
        error: why there are no new ones.
        failed: what ``tiles.json`` would hold if nothing was there, with the whole sentence.
        settings: what was asked for.
        stops: as in ``Source``: ``tiles.json`` will be replaced, so what it holds is put aside too.

    Returns:
        What ``tiles.json`` holds now: of results that were cut with the same keys what it held,
        with today's fault; else that the slide failed. None: there is nothing to be kept.

    Raises:
        ResultsError: it cannot be written.
    """
    was = earlier(folder)
    if was is None:
        return None
    restore(folder)
    if of_same_keys(was, settings):
        record = kept_record(was, failed["error"], isinstance(error, DamagedSinceError))
    else:
        record = failed | {"error": f"{OTHER_KEYS} {failed['error']}"}
    said = manifest.sealed(record | {"earlier": was}, manifest.TILES_JSON)
    manifest.write_record(folder / manifest.TILES_JSON, said)
    if stops:
        make_folder(folder / ASIDE)
        manifest.write_record(folder / ASIDE / manifest.TILES_JSON, said)
    return record


def keep_uninspected(folder: Path, error: str) -> None:
    """Say in ``tiles.json`` what `inspect` alone has found: `report` may be what follows.

    Raises:
        ResultsError: it cannot be written.
    """
    was = earlier(folder)
    if was is not None:
        said = was | {"status": KEPT, "error": error, "earlier": was, "not_inspected": True}
        manifest.write_record(folder / manifest.TILES_JSON, said)


def kept_record(was: Record, fault: str, is_damage: bool = False) -> Record:
    """An earlier run's record with today's fault."""
    said = f"{DAMAGED if is_damage else AWAY}: {fault}"
    return was | {"status": KEPT, "error": said}


def last_said(folder: Path) -> Record:
    """What ``tiles.json`` says of the tiles beside it, or why there are no new ones.

    Not the file alone: Snakemake puts back that of an earlier run when a job fails.

    Raises:
        ResultsError: nothing can be said of them.
    """
    if is_amid(folder):
        raise ResultsError(
            f"{folder / manifest.TILES_JSON} may be another run's than the tiles beside it. Run "
            "tile again."
        )
    record = manifest.read_record(folder / manifest.TILES_JSON)
    with suppress(ResultsError):
        aside = manifest.read_record(folder / ASIDE / manifest.TILES_JSON)
        return aside if "earlier" in aside else record
    return record


def ask_again(folder: Path) -> None:
    """Let the next `tile` of a slide replace whole tiles by what is left of a damaged slide.

    Raises:
        ResultsError: it cannot be noted.
    """
    if earlier(folder) is not None:
        write_file(folder / ASKED_AGAIN, b"")


def is_to_be_replaced(folder: Path) -> bool:
    """Whether it was asked to cut again a slide of which an earlier run's results are kept."""
    if not (folder / ASKED_AGAIN).exists():
        return False
    try:
        return "earlier" in manifest.read_record(folder / manifest.TILES_JSON)
    except ResultsError:
        return True  # they were put aside


def forget_asked(folder: Path) -> None:
    """What was asked is done, or cannot be."""
    remove_files(folder / ASKED_AGAIN)
