"""What an installed package holds beside its modules: the kernels, and the workflow around it.

All else about the package stands in pyproject.toml.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

sys.path.insert(0, "workflow")
from mrxs_tiles import clone, native

# What the workflow needs of the clone. It lies in the wheel as it lies here.
WORKFLOW = (
    *("Snakefile", "config.yaml", "profiles", "envs/mrxs-tiles.yaml"),
    *("envs/mrxs-tiles.post-deploy.sh", "workflow/Snakefile", "workflow/rules"),
    *("workflow/scripts", "workflow/schemas", "workflow/report"),
)
# What viewers carry of it (mrxs_tiles.viewer.page).
OPENSEADRAGON = ("LICENSE.txt", "build/openseadragon/openseadragon.min.js")


class WithWorkflow(build_py):
    """Puts both beside the modules; an editable installation has the clone, and its own kernels."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if self.editable_mode:
            return
        self._copy_workflow(self._beside(clone.BROUGHT))
        if native.is_off():
            return
        for name in native.names():
            try:
                native.build(name, self._beside(native.BROUGHT))
            except OSError as error:
                self.announce(f"{name} was not built, all works without it: {error}", 3)

    def _beside(self, folder: Path) -> Path:
        """Where a folder of the package lies while it is built."""
        return Path(self.build_lib) / folder.relative_to(native.PACKAGE.parent)

    def _copy_workflow(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier version left
        for name in WORKFLOW:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(name, folder / name, ignore=ignore)
            else:
                shutil.copy2(name, folder / name)
        viewers = folder / clone.OPENSEADRAGON.relative_to(clone.CLONE)
        for name in OPENSEADRAGON:
            (viewers / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(self._openseadragon() / name, viewers / name)
            except OSError as error:
                self.announce(f"OpenSeadragon is not here, all but the viewer works: {error}", 3)

    def _openseadragon(self) -> Path:
        """Where npm has put it: `make env`, or this."""
        if clone.OPENSEADRAGON.is_dir():
            return clone.OPENSEADRAGON
        place = Path(self.build_lib).parent / "npm"
        if not place.is_dir() and (npm := shutil.which("npm")):
            place.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy2(f"envs/{name}", place)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=place, check=False)  # noqa: S603 - hashes in the lock file
        return place / "node_modules" / "openseadragon"


class ForThisPlatform(Distribution):
    """A wheel that other machines do not take for theirs."""

    def has_ext_modules(self) -> bool:
        """True: there is compiled code in it."""
        return True


setup(cmdclass={"build_py": WithWorkflow}, distclass=ForThisPlatform)
