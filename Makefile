# Each target does its own set-up: Python 3.11 to 3.13, git and make are enough.
# `make session` and `make test` are the two commands; the rest serves those who change the code.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := env/requirements.lock
BENCH_PYTHON ?=
BENCH_VENV := .venv-bench
BENCHES ?=
WORKERS ?= 2
SEEDS ?= 300
ROUNDS ?= 1
REPORTS := .pytest_cache
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help session up lab test tests test-notebooks test-system chaos crashmatrix powerloss check gates honesty notebooks bench bench-core lock clean

help:
	@echo "make session      set up, then run one trading day on the simulated broker"
	@echo "make up           set up, then start supervisor and control panel"
	@echo "make lab          set up, then open JupyterLab for research on this machine"
	@echo "make test         set up, then run every test, notebooks included"
	@echo "make test-notebooks  nbval alone (ROUNDS=2 PYTHON=python3.13 VENV=.venv-3.13: twice, there)"
	@echo "make check        the whole gate: format, lint, types, import contracts, tests"
	@echo "make test-system  tests with real processes: notebooks run by papermill, kill -9"
	@echo "make chaos        300 simulated days with faults, every invariant checked"
	@echo "make crashmatrix  cut a session's process at every write, sync, rename and send"
	@echo "make powerloss    open 5000 images of disks that lost power"
	@echo "make honesty      200 random walks and 200 planted edges through the optimiser"
	@echo "make notebooks    execute the notebooks again and store their small outputs"
	@echo "make bench        against the peers and C: every goal met or not met (BENCHES=peers: that one)"
	@echo "make bench-core   time the core: quiet bar, durable writes, books"
	@echo "make lock         pin every dependency again (needs uv)"
	@echo "make clean        remove the environment and the caches; runs/ stays"

session: $(STAMP)
	$(BIN)/rigd build seal --reason "make session builds what it runs"
	$(BIN)/rigd session

up: $(STAMP)
	$(BIN)/rigd build seal --reason "make up builds what it runs"
	$(BIN)/rigd up

lab: $(STAMP)
	$(BIN)/rigd build seal --reason "make lab builds what it runs"
	$(BIN)/rigd lab --browser

test: tests test-notebooks

tests: $(STAMP)
	$(PYTEST) tests -n $(WORKERS) --dist loadfile --junitxml=$(REPORTS)/tests.xml

test-notebooks: $(STAMP)
	for run in $$(seq $(ROUNDS)); do \
		$(PYTEST) notebooks --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg \
			--junitxml=$(REPORTS)/notebooks.xml || exit 1; \
	done

test-system: $(STAMP)
	bash tests/system/packages.sh
	$(PYTEST) tests/system -m system --junitxml=$(REPORTS)/system.xml
	$(PYTEST) tests --ignore=tests/system -m system --junitxml=$(REPORTS)/long.xml

chaos: $(STAMP)
	$(BIN)/rigd chaos --seeds $(SEEDS) --jobs $(WORKERS)

crashmatrix: $(STAMP)
	$(BIN)/rigd crashmatrix --session small

powerloss: $(STAMP)
	$(BIN)/rigd powerloss --images 5000

honesty: $(STAMP)
	$(BIN)/python -m tests.hosts.optimize.honesty --series 200

gates: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy rigd widgets
	$(BIN)/lint-imports

check: gates test

notebooks: $(STAMP)
	$(BIN)/python -m tests.refresh_notebooks

bench: $(STAMP)
	bash env/set_up_bench.sh "$(BENCH_PYTHON)" "$(BENCH_VENV)"
	mkdir -p $(REPORTS)
	ended=0; $(BIN)/python -m tests.bench $(BENCHES) --json $(REPORTS)/bench.json || ended=$$?; \
		$(PYTEST) tests/bench -m "system or not system" && exit $$ended

bench-core: $(STAMP)
	$(BIN)/python -m tests.bench core ledger

lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --output-file $(LOCK)
	uv pip compile env/bench.in --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --output-file env/bench.lock

clean:
	rm -rf $(VENV) $(BENCH_VENV) .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find rigd widgets tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): $(LOCK) pyproject.toml env/set_up.sh
	bash env/set_up.sh "$(PYTHON)" "$(VENV)"
	touch $(STAMP)
