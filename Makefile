# The commands of README and CONTRIBUTING. `make test` is also what .ci/run calls, as an ordinary user.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test lint bench chaos standstill soak fuzz schema docs console-vendor clean

setup: $(VENV)/.installed  ## Make the virtual environment with everything in it.

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("leanfarm needs Python 3.11 or later, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup  ## Run a whole farm, verify a batch, answer a premise query, stop everything.
	$(BIN)/python -m tests.support.demo

# Tests spend half of their time waiting for farms to start and for deadlines, so two files run at once on any host.
test: setup lint  ## Everything that can be tested here.
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup  ## Format, style, types, import rules.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## Timings as ratios against a named baseline; the tables are in docs/benchmarks.md.
	$(BIN)/python -m pytest tests/bench -m bench -s

SEEDS ?= 1
JOBS ?= 1
chaos: setup  ## Faults of every kind under running batches, for SEEDS seeds from SEED on; docs/reliability.md has the table.
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --jobs $(JOBS) $(if $(SEED),--seed $(SEED))

TIMES ?= 10
standstill: setup  ## How soon a farm works again after faults between it and its store, TIMES times each; MIXED=1000 at random.
	$(BIN)/python -m tests.chaos.standstill --times $(TIMES) $(if $(MIXED),--mixed $(MIXED)) $(if $(SEED),--seed $(SEED))

MINUTES ?= 60
soak: setup  ## A farm under training-like load for MINUTES minutes; memory, descriptors, threads and keys must stay flat.
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES)

FUZZ ?= -runs=1000000
fuzz: setup  ## Random texts through tokenizer and gate, a million; needs atheris, which not every platform has.
	$(BIN)/pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	$(BIN)/python tests/fuzz/gate.py $(FUZZ) -max_len=200

EXAMPLES ?= 2000
schema: setup  ## Every route against its own description, with EXAMPLES examples each (SEED=1).
	SCHEMA_EXAMPLES=$(EXAMPLES) SCHEMA_SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/security/service/test_schema.py -s --timeout 7200

docs: setup  ## The pages of docs/ as a site, in site/.
	$(BIN)/mkdocs build --strict

console-vendor:  ## Build the console's vendored libraries again, after a change in api/console/libraries; needs Node.js 20.
	folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && cp api/console/libraries/* $$folder && \
	npm ci --ignore-scripts --no-audit --no-fund --prefix $$folder && \
	node $$folder/build.mjs api/console/assets/vendor/shiki-lean.js

clean:  ## Remove what the commands above made.
	rm -rf $(VENV) .farm build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
