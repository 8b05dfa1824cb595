# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` work on a fresh machine: they make .venv where it is missing. An active
# virtual environment is used as it is, and so is a Python that has all that is needed.

PYTHON ?= python3
SEEDS ?= 0
JOBS ?= auto
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

NEEDED := torch mmengine mmcv mmseg albumentations faiss scipy sklearn pytorch_metric_learning matplotlib timm pytest xdist ruff
NEEDED_BY_DOCS := sphinx myst_parser pydata_sphinx_theme sphinx_copybutton
FIND_ALL := import importlib.util as u, sys; \
  print('' if any(u.find_spec(m) is None for m in sys.argv[1:]) else 'yes')
HAS_ALL = $(shell $(1) -c "$(FIND_ALL)" $(NEEDED) 2>/dev/null)

ENV := $(or $(VIRTUAL_ENV),$(CURDIR)/.venv)
PY := $(ENV)/bin/python
INSTALLED := $(ENV)/.rankseg-installed
ifdef VIRTUAL_ENV
ifeq ($(call HAS_ALL,$(PY)),yes)
INSTALLED :=
endif
else ifeq ($(call HAS_ALL,$(PYTHON)),yes)
PY := $(PYTHON)
INSTALLED :=
endif

PIP = $(PY) -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: help demo test docs lint install

help: # list the targets
	@echo "usage: make TARGET [SETTING=VALUE ...]"
	@sed -n 's/^\([a-z][a-z]*\):[^#]*# \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12
	@echo "settings: PYTHON=python3.11 for another Python, SEEDS='0 1 2' for demo, JOBS=4 for test"

demo: $(INSTALLED) # train the baseline and RankMatch on generated images, for a table and a picture
	$(PY) tools/demo.py --seeds $(SEEDS)

test: $(INSTALLED) # run the tests, on all cores: JOBS=1 for one at a time
	$(PY) -m pytest -n $(JOBS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

docs: $(INSTALLED) # build the documentation site in docs/_build/html; a warning is an error
	@$(PY) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
	  echo "the documentation needs Python 3.11 or newer" >&2; exit 1; }
	@test "$$($(PY) -c "$(FIND_ALL)" $(NEEDED_BY_DOCS))" = yes || \
	  $(PY) -m pip install --quiet -c constraints.txt -e '.[docs]'
	@rm -rf docs/api # pages of modules that have moved
	$(PY) -m sphinx -b html -W --keep-going docs docs/_build/html
	@echo "open docs/_build/html/index.html"

lint: $(INSTALLED) # check style
	$(PY) -m ruff check
	$(PY) -m ruff format --check

install: $(INSTALLED) # create .venv, or install into the active virtual environment

$(ENV)/.rankseg-installed: setup.cfg pyproject.toml constraints.txt
	@$(if $(VIRTUAL_ENV),$(PY),$(PYTHON)) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { \
	  echo "rankseg needs Python 3.10 or newer, and $(if $(VIRTUAL_ENV),$(PY),$(PYTHON)) is older or" \
	    "missing: name a newer one with 'make PYTHON=python3.11 ...'" >&2; exit 1; }
	$(if $(VIRTUAL_ENV),,$(PYTHON) -m venv "$(ENV)")
	@echo "Installing into $(ENV), once: about 2 minutes with a fast connection, and 2 GB of disk."
	@echo "Step 1 of 2: PyTorch"
	@$(PIP) torch==2.13.0
	@echo "Step 2 of 2: rankseg, MMSegmentation and the packages of the tests"
	@$(PIP) -e '.[test]'
	@echo "Installed."
	@touch "$@"
