# Two commands: `make up` runs everything at http://127.0.0.1:8000, `make test` checks everything.
# The environment of both is described in README.md.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
# Installed once for each content of the requirements and each Python.
runtime_id := $(shell $(PYTHON3) -c "import hashlib,sys;print(hashlib.sha256(open('requirements.txt','rb').read()+sys.version.encode()).hexdigest()[:16])")
tests_id := $(shell $(PYTHON3) -c "import hashlib;print(hashlib.sha256(open('requirements-dev.txt','rb').read()).hexdigest()[:16])")
runtime := .venv/.runtime-$(runtime_id)
tests := .venv/.tests-$(runtime_id)-$(tests_id)

.PHONY: up test lint clean
.DEFAULT_GOAL := up

# `exec`: a SIGTERM that make passes on reaches the supervisor itself. `--tied`: it also ends when make is killed.
up: $(runtime)
	@exec $(PYTHON) manage.py up --tied

test: $(tests) lint
	$(PYTHON) -m pytest

lint: $(tests)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m tests.project_checks

$(runtime):
	@$(PYTHON3) -c "import sys; sys.version_info >= (3, 11) or sys.exit('Python 3.11 or newer is needed; name one: make PYTHON3=python3.12')"
	@echo "Making .venv and installing requirements.txt (once; some minutes on a cold package cache) ..."
	$(PYTHON3) -m venv .venv
	$(PYTHON) -m pip install --disable-pip-version-check --requirement requirements.txt
	@rm -f .venv/.runtime-* && touch $@

$(tests): $(runtime)
	@echo "Installing requirements-dev.txt (once) ..."
	$(PYTHON) -m pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	@rm -f .venv/.tests-* && touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
