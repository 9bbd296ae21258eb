# Set-up happens by itself: `make demo` and `make test` are all that a fresh machine needs (Python 3.11+, make).
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax

.PHONY: demo test test-lowest lint bench science conformance notebooks reliability docs gallery clean

demo: $(READY)
	$(RUN) -m biocredit.protocols.commands.demo demo

test: $(READY)
	$(RUN) -m pytest -n 2 --dist loadscope --no-loadscope-reorder

# The lowest versions that pyproject.toml promises, in an environment of their own: a part of every room.
LOWEST := .venv-lowest
LOWEST_TESTS := architecture trace trace_format losses rate_circuit modular dual_streams protocol figures
test-lowest: $(LOWEST)/.ready
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.cache/jax-lowest $(LOWEST)/bin/python -m pytest $(LOWEST_TESTS:%=tests/unit/test_%.py)

$(LOWEST)/.ready: pyproject.toml setup.py constraints-lowest.txt
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints-lowest.txt --editable . pytest hypothesis beartype
	touch $@

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m interrogate -q biocredit circuits protocols analysis

# Ratios against yardsticks measured in the same run; an hour on an idle machine is too much, minutes are enough.
bench: $(READY)
	$(RUN) -m tests.benchmarks

# Every quick look, and short full-size runs on real data beside published curves: about an hour and a half on two cores.
science: $(READY)
	$(RUN) -m pytest -m science tests

conformance: $(READY)
	$(RUN) -m tests.conformance tests/conformance/cases/*.npz

# Kills, power cuts, strangers' files, odd settings and data, long runs: one table, in an hour; COUNT=100 for a taste.
reliability: $(READY)
	$(RUN) -m tests.reliability

# The site, in build/site: it opens from the file system. Fails on a public name without a docstring and on a dead link.
docs: $(READY)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	cd docs && NO_MKDOCS_2_WARNING=1 ../$(RUN) -m mkdocs build --quiet --strict --config-file ../mkdocs.yml

# Runs the sources and keeps them with their figures, notebooks/*.ipynb; NAMES="01 03" for some of them.
notebooks: $(READY)
	$(RUN) docs/_build/notebooks.py $(NAMES)

# Every figure that the package can make, docs/images/gallery.
gallery: $(READY)
	$(RUN) docs/_build/gallery.py

$(READY): pyproject.toml setup.py constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[test,lint]"
	touch $(READY)

clean:
	rm -rf .cache .pytest_cache .ruff_cache build demo/*.h5 demo/*.png
