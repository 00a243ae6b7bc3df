"""The kernels of an installed package: compiled while it is built, left out where they cannot be.

All else about the package stands in pyproject.toml.
"""

import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

sys.path.insert(0, "workflow")
from mrxs_tiles import native


class WithKernels(build_py):
    """Puts the libraries beside the modules; an editable installation has those of `make env`."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        if self.editable_mode or native.is_off():
            return
        folder = Path(self.build_lib) / native.BROUGHT.relative_to(native.PACKAGE.parent)
        for name in native.names():
            try:
                native.build(name, folder)
            except OSError as error:
                self.announce(f"{name} was not built, all works without it: {error}", 3)


class ForThisPlatform(Distribution):
    """A wheel that other machines do not take for theirs."""

    def has_ext_modules(self) -> bool:
        """True: there is compiled code in it."""
        return True


setup(cmdclass={"build_py": WithKernels}, distclass=ForThisPlatform)
