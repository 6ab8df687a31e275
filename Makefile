# Every task of the project. `make help` lists them.

# The Python of .venv: python3, but the system's own where only that was built with optimisation, as distributions
# do and pyenv by itself does not. Tests take a tenth less then.
OPTIMISED := import ensurepip, sys, sysconfig; optimised = "--enable-optimizations" in \
	(sysconfig.get_config_var("CONFIG_ARGS") or ""); \
	sys.exit(sys.version_info < (3, 11) or not (optimised or sys.base_prefix == "/usr"))
PYTHON ?= $(or $(shell for python in python3 /usr/bin/python3; do \
	$$python -c '$(OPTIMISED)' 2>/dev/null && echo $$python && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := suture collector correlator sla_rules alerting dashboards
# As many as there are cores: with one more, what waits is made up for, and all else takes longer by more.
TEST_WORKERS ?= $(shell getconf _NPROCESSORS_ONLN)
# Where tests keep their files: in memory where there is room, since they sync thousands of small ones.
# Kills of processes, which they are about, leave there what they leave on a disk.
TEST_FILES ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4194304 { print "/dev/shm" }')
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.PHONY: setup
setup: $(STAMP) ## Build .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing"; exit 1; }
	@test -x $(BIN)/uv || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'; }
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraints constraints.txt --group dev --editable '.[embedded]'
	@touch $@

# Tests and the demonstration start many processes, which need not all compile the same again.
.PHONY: compile
compile: setup
	@$(BIN)/python -m compileall -q $(PACKAGES)

.PHONY: demo
demo: compile ## Start everything, fed by a simulated hospital network
	$(BIN)/suture demo $(DEMO)

# Polars has one thread in each worker: to wake others takes it longer than tests' small frames do. OpenBLAS, which
# comes with NumPy and is not used, starts none that would spin.
.PHONY: test
test: compile ## Run all tests, the browser's included
	PYTEST_DEBUG_TEMPROOT=$(TEST_FILES) POLARS_MAX_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/pytest -n $(TEST_WORKERS) --no-loadscope-reorder

.PHONY: check
check: setup ## Lint, types, import directions, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .

.PHONY: bench
bench: setup ## Measure against the budgets; exits non-zero over one
	$(BIN)/python -m tests.bench $(BENCH)

.PHONY: fmt
fmt: setup ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## Remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
