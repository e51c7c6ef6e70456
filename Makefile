PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
BIN = .venv/bin

.PHONY: serve test check bench
serve: .venv/serve.installed  ## start the server with the checkpoints of this repository
	MALLOC_ARENA_MAX=1 HABITUS_HOST=$(HOST) HABITUS_PORT=$(PORT) $(BIN)/python -m app

test: check  ## everything that CI runs
	$(BIN)/pytest

check: .venv/dev.installed  ## the same without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.installed  ## ours beside a peer, as ratios
	$(BIN)/python -m benchmarks

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv

.venv/serve.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install -c constraints.txt -e .
	touch $@

.venv/dev.installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install -c constraints.txt -e '.[dev]'
	touch $@ .venv/serve.installed
