# `make` lists the targets. Needed: make and Python 3.11 or newer; everything else goes into .venv, by hash (docs/decisions/0001).

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test lint lock bench clean

export UV_PYTHON_DOWNLOADS := never
# As pip does by itself: a start that finds its libraries compiled takes half the time, where nothing may write later.
export UV_COMPILE_BYTECODE := 1

PYTHON ?=
ARGS ?=
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$n -le 4 ] || n=4; echo $$n)
BIN := .venv/bin

# $(call install,ARGUMENTS): with uv if it is there, else with the environment's own pip. Both check every hash.
install = if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi

help: ## this list
	@echo "Billhook. A fresh checkout needs one command: make run"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/.installed ## environment in .venv with what Billhook runs on

setup-dev: .venv/.installed-dev ## the same and the tools of make test and make lint

run: setup ## migrate, make a demo organisation, print its key and serve on 127.0.0.1:8000
	@$(BIN)/flask serve --demo

test: setup-dev ## the whole suite (ARGS="-k name" for a part, WORKERS=4)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: setup-dev ## ruff, formatting, types, who may import whom
	@failed=; for tool in "ruff check" "ruff format --check" "mypy" "lint-imports"; do \
		echo "== $$tool"; $(BIN)/$$tool || failed="$$failed, $$tool"; \
	done; \
	[ -z "$$failed" ] || { echo "failed: $${failed#, }" >&2; exit 1; }

lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --universal --no-emit-index-url $(ARGS) pyproject.toml
lock: setup ## make the three lock files again after a change of pyproject.toml (ARGS=--upgrade for newer versions)
	@[ -x $(BIN)/uv ] || { echo "make lock needs uv, which could not be installed here." >&2; exit 1; }
	@$(COMPILE) --group build -o requirements.lock
	@$(COMPILE) --group build --group dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --generate-hashes --universal --no-emit-index-url $(ARGS) \
		--group installer -o requirements-uv.lock

bench: setup-dev ## Billhook beside Flask routes with raw SQL, one that does the same work: ratios from one run
	@$(BIN)/python bench/run.py $(ARGS)

clean: ## remove the environment and the caches; data in instance/ stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.lock requirements-uv.lock pyproject.toml
	@set -e; \
	if ! $(BIN)/python -c '' 2>/dev/null; then \
		python=; \
		for name in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
			if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "Billhook needs Python 3.11 or newer: no python3.11, python3.12, python3.13 or newer python3 was found." >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$("$$python" --version)"; \
		if ! "$$python" -m venv --clear .venv >/dev/null; then \
			rm -rf .venv; \
			echo "$$python cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; \
			exit 1; \
		fi; \
	fi
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock || \
		echo "uv could not be installed: going on with pip, which takes a few times as long."
	@echo "Installing what Billhook runs on (requirements.lock)"
	@$(call install,--require-hashes -r requirements.lock)
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "Installing the tools of the test suite (requirements-dev.lock)"
	@$(call install,--require-hashes -r requirements-dev.lock)
	@touch $@
