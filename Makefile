# make demo     a face swap on the clips that come along, end to end
# make test     the tests (the quick ones alone: make test-fast; the long ones: make test-long)
# make test-lowest   the quick tests with the lowest versions of all libraries that the metadata allow, in .venv-lowest
# make lint     ruff and mypy
# make docs     the documentation as a site, in site/; docs/cli.md anew: .venv/bin/python docs/tools/cli_pages.py
# make results  docs/results.md anew: every model trained and evaluated, three quarters of an hour on two cores
# make install  .venv with everything of this checkout
#
# Each of them makes .venv first if it is not there or what it is made of has changed. Needed: Python 3.11 or newer, make.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/installed
# A process of tests for each core, each with one thread of torch's: two threads on the same core wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/pytest -n auto --dist loadfile
LOWEST := .venv-lowest
PROJECTS := $(shell find . -name pyproject.toml -not -path './.venv*')

.PHONY: demo test test-fast test-long test-lowest lint docs results install
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(VENV)/bin/mien demo

test: $(INSTALLED)
	$(PYTEST)

test-fast: $(INSTALLED)
	$(PYTEST) -m "not slow and not long"

test-long: $(INSTALLED)
	$(PYTEST) -m long

test-lowest:
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet -c constraints.txt -r requirements-build.txt
	$(PYTHON) tests/lowest.py > $(LOWEST)/requirements.txt
	$(LOWEST)/bin/pip install --quiet --no-build-isolation -r $(LOWEST)/requirements.txt
	OMP_NUM_THREADS=1 $(LOWEST)/bin/pytest -n auto --dist loadfile -m "not slow and not long"

lint: $(INSTALLED)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

results: $(INSTALLED)
	$(VENV)/bin/python docs/bench/results.py

install: $(INSTALLED)

# The build tools go in first, so that pip need not make a fresh environment with them for every distribution.
$(INSTALLED): requirements.txt requirements-dev.txt requirements-docs.txt requirements-build.txt constraints.txt $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mien needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -c constraints.txt -r requirements-build.txt
	$(VENV)/bin/pip install --quiet --no-build-isolation -r requirements-dev.txt
	@touch $@
