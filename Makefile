# What people type here. `make setup` is behind each of them and does nothing when there
# is nothing to do.

RUN  := .venv/bin/python
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint format docs clean

help:  ## Show these lines
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup:  ## Build .venv and install what is missing
	@bash scripts/setup.sh

demo: setup  ## Callers, queue and agents, for real, on this machine (ARGS="--calls 50")
	@$(RUN) -m ccd.cli demo $(ARGS)

test: setup  ## Run the tests (ARGS="-k store")
	@$(RUN) scripts/run_tests.py $(ARGS)

bench: setup  ## Measure the budgets (ARGS="--json sip_engine")
	@$(RUN) -m bench $(ARGS)

lint: setup  ## Style, types, and which room may import which
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports

format: setup  ## Have ruff format and mend the sources
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

docs: setup  ## Regenerate docs/cli.md and docs/settings.md
	@$(RUN) scripts/generate_docs.py
	@$(RUN) -m ccd.cti.reference docs/cti.md
	@$(RUN) -m tui.agent.reference docs/agent.md
	@$(RUN) scripts/draw_softphone.py

clean:  ## Remove .venv and what tools left behind
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
