# make demo and make test work on a fresh clone: each sets up .venv first, once.
# CPU-only torch on Linux: PIP_EXTRA_INDEX_URL may name an index of CPU builds.

VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14 python
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(USABLE)' >/dev/null 2>&1 && echo $$p && break; done)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

BENCHMARKS = speed parity determinism contrastive:views fabric fabric_crowd concept_tree dreamsim dreamsim_index observers \
	magvlt:speed magvlt_ablations dida dida_shift dida_large

.PHONY: help setup demo test lint types docs bench clean

help:  ## Show this list.
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: setup  ## Teach a toy from five photos, judge it, draw it in new scenes (about ten minutes on two cores).
	$(BIN)/likewise demo

test: setup  ## Run the default tests: no network, no GPU.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: setup  ## Check style.
	$(BIN)/ruff check src tests

types: setup $(VENV)/.types  ## Check types.
	$(BIN)/pyright

docs: setup $(VENV)/.docs  ## Write the generated pages and build the site into site/.
	$(BIN)/python -m likewise.cli.docs
	$(BIN)/mkdocs build --strict --quiet

bench: setup  ## Run the benchmarks that need no folder (hours); results go to benchmarks/results.
	@for run in $(BENCHMARKS); do echo "$$run" && $(BIN)/python benchmarks/$${run%:*}.py $$(expr "$$run" : '.*:\(.*\)') || exit 1; done

setup: $(VENV)/.installed  ## Make .venv with all that the tests and the demo need.

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing into $(VENV) (once; torch is large)"
	@$(INSTALL) torch==2.13.0
	@$(INSTALL) -e '.[diffusion,dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@$(INSTALL) -e '.[docs]'
	@touch $@

$(VENV)/.types: $(VENV)/.installed
	@$(INSTALL) pyright==1.1.414
	@touch $@

clean:  ## Remove the environment and everything built.
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache
