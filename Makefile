# `make` alone lists what can be made.
.DEFAULT_GOAL := help
.PHONY: help install repro test test-fast lint format types unit docs bench-env examples clean

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

test-fast: install lint types ## the same without what is slow: the pipeline, browsers, servers, whole networks
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal -m "not slow"

lint:
	ruff check .
	ruff format --check .
	lint-imports

format: install ## format and fix what can be fixed
	ruff check --fix .
	ruff format .

types:
	mypy

# Two processes with a team of threads each would wait for one another on two cores.
unit:
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal

docs: install ## build the website of docs/ into site/
	python -m docs.parameters
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict

bench-env: .venv-fastai/installed ## make .venv-fastai, for python -m benchmarks.against_fastai

# fastai itself comes last and without what it asks for: of that, only its text half needs spacy.
.venv-fastai/installed: constraints.txt benchmarks/fastai.txt
	$(PYTHON) -m venv .venv-fastai
	.venv-fastai/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r benchmarks/fastai.txt
	.venv-fastai/bin/pip install --quiet --disable-pip-version-check --no-deps fastai==2.8.12
	touch $@

examples: ## install what the JavaScript examples run with, so that their tests run too
	cd examples/javascript && npm install --ignore-scripts

clean: ## remove caches and unfinished work; data, models and reports stay
	rm -rf site .graft .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
