# `make` alone lists what can be made.
.DEFAULT_GOAL := help
.PHONY: help install repro test lint format types unit deps clean

PYTHON ?= python3
VENV := .venv
# DVC runs each stage with the `python` it finds first on PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed ## make .venv and install everything, pinned

$(VENV)/installed: pyproject.toml constraints.txt constraints-dev.txt
	$(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check -c constraints.txt -c constraints-dev.txt --editable '.[dev]'
	touch $@

repro: install ## run the pipeline, then show the test metrics
	graft check
	dvc repro
	graft results

test: install lint types unit ## lint, type-check, test

lint:
	ruff check .
	ruff format --check .
	lint-imports

format: install ## format and fix what can be fixed
	ruff check --fix .
	ruff format .

types:
	mypy

unit:
	python -m pytest -n 2 --dist loadfile

deps: install ## write the stages' code dependencies into dvc.yaml, from their imports
	python -m tests.closure --write

clean: ## remove caches and unfinished work; data, models and reports stay
	rm -rf .graft .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
