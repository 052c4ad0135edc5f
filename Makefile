# Each target does its own set-up into .venv; nothing but Python 3.11, pip and make is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SDKS := .venv/.sdks
# Tests wait for sockets, disks and leases more than they compute.
SPREAD := -n 2 --dist worksteal

.PHONY: help setup sdks demo examples check test test-all soak soak-ray mutants bench bench-peers bench-service bench-workers bench-page bench-doubt pocs docs pictures lock format clean

help:            ## say what there is to make
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Roadworthy needs Python 3.11 or newer; name one with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

setup: $(READY)  ## make .venv with everything in it

$(SDKS): $(READY) requirements-sdks.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sdks.lock
	@touch $(SDKS)

sdks: $(SDKS)    ## install the official clients that the wire formats are compared with

demo: $(READY)   ## run the shipped support inbox end to end
	$(BIN)/roadworthy demo

examples: $(READY)  ## run the examples offline, against recorded answers; NAME=copy for one
	$(BIN)/python -m examples $(NAME)

check: $(READY)  ## style, types, the law of imports, the frozen export list
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/law

test: $(READY)   ## the tests, in minutes
	$(BIN)/pytest -m "not slow" $(SPREAD)

test-all: $(SDKS)  ## every test, those against the official clients too
	$(BIN)/pytest $(SPREAD)

soak: $(READY)   ## a thousand seeds of the swarm: random faults, budgets and kills
	$(BIN)/python -m tests.crash.swarm --count 1000 --workers 2

soak-ray: $(READY)  ## ten seeds of 20,000 records on a two-node Ray cluster whose workers, node and driver are killed; SEEDS=1
	$(BIN)/python -m tests.scale.soak --records 20000 --seeds $(or $(SEEDS),10)

mutants: $(READY)  ## put 300 small faults into the code that decides about money and calls, and see who notices
	$(BIN)/python -m tests.mutants

bench: $(READY)  ## measure against aiohttp + pydantic in the same run, about ten minutes
	$(BIN)/python -m benchmarks

bench-peers: $(READY)  ## measure the peers too, each at its newest version in an environment of its own
	$(BIN)/python -m benchmarks.versus

bench-service: $(READY)  ## the service under load, open loop, beside LiteLLM's proxy; writes docs/service-performance.md; 15 minutes
	$(BIN)/python -m benchmarks.service; ended=$$?; $(BIN)/python -m benchmarks.service_page && exit $$ended

bench-workers: $(READY)  ## one to four worker processes on SQLite and on Postgres, three minutes
	$(BIN)/python -m benchmarks.workers

bench-page: $(READY)  ## write docs/performance.md from what was measured
	$(BIN)/python -m benchmarks report

bench-doubt: $(READY)  ## the mathematics of doubt: validity, labels, BARGAIN, real streams; 15 minutes; PIECE=name for one
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group oracles
	$(BIN)/python -m benchmarks.doubt $(PIECE)

pocs: $(READY)   ## one proof of concept written six ways, vetted; writes docs/naked.md; half an hour
	$(BIN)/python -m benchmarks.pocs

docs: $(READY)   ## write the pages that are generated from the code
	$(BIN)/python -m docs.generate

pictures: $(READY)  ## take the pictures of the console anew; wants Chromium
	$(BIN)/python -m docs.pictures

lock: $(READY)   ## choose newest versions and write their hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  --group dev --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  --group sdks --constraint requirements.lock --output-file requirements-sdks.lock pyproject.toml

format: $(READY) ## put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:           ## remove what was made
	rm -rf .venv .mutants.jsonl .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
