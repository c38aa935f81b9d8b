# `make up` runs the system at http://127.0.0.1:8000, `make check` runs the quick checks, `make test` runs all.
# README.md describes the environment variables.

# The first Python of at least 3.11, unless one is named: make PYTHON3=/opt/python/bin/python3
PYTHON3 ?= $(shell for it in python3 python3.13 python3.12 python3.11; do \
	$$it -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$it && break; done)
ifeq ($(PYTHON3),)
$(error Python 3.11 or newer is needed; name one: make PYTHON3=/path/to/python3)
endif
PYTHON := .venv/bin/python
# Not compiled ahead: most modules are never imported, and Python compiles the others at import (22 s instead of 69).
PIP_INSTALL := $(PYTHON) -m pip install --disable-pip-version-check --no-compile
# Let Python write compiled files: otherwise each process compiles torch and Django again.
unexport PYTHONDONTWRITEBYTECODE
# Installed once for each content of the requirements and each Python.
runtime_id := $(shell $(PYTHON3) -c "import hashlib,sys;print(hashlib.sha256(open('requirements.txt','rb').read()+sys.version.encode()).hexdigest()[:16])")
tests_id := $(shell $(PYTHON3) -c "import hashlib;print(hashlib.sha256(open('requirements-dev.txt','rb').read()).hexdigest()[:16])")
runtime := .venv/.runtime-$(runtime_id)
tests := .venv/.tests-$(runtime_id)-$(tests_id)

.PHONY: up check test bench-memory bench-queue bench-serving bench-mutated bench-growth bench-training bench-replay lint messages screenshots clean
.DEFAULT_GOAL := up

# `exec`: a SIGTERM that make passes on reaches the supervisor itself. `--tied`: it also ends when make is killed.
up: $(runtime)
	@exec $(PYTHON) manage.py up --tied

# Three processes on two cores, file by file (tests/distribution.py): tests with a browser or a server mostly wait.
# One thread of torch in each: more would wait for one another's cores. A process that dies is replaced twice, no more.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(PYTHON) -m pytest --numprocesses=3 --max-worker-restart=2 --dist=loadfile \
	--durations=15

# Before each commit, under four minutes on two cores: all checks except slow tests and browser tests.
check: $(tests) lint
	$(PYTEST) -m "not slow and not browser"

# All checks. `STRESS=1 make test` repeats races and broken requests as often as the nightly run (tests/stress.py).
test: $(tests) lint
	$(PYTEST)

# Memory of a web process with ten products: `make bench-memory FLAGS=var/versions/PRODUCT/VERSION`.
bench-memory: $(runtime)
	$(PYTHON) -m webapp.benchmarks memory $(FLAGS)

# The queue and the history at a million inspections, on a database of its own: `make bench-queue FLAGS="--inspections 100000"`.
bench-queue: $(runtime)
	$(PYTHON) -m webapp.benchmarks queue $(FLAGS)

# Disk space of a part, and parts written and removed a second: `make bench-growth FLAGS="--partitions"` for the table by months.
bench-growth: $(runtime)
	$(PYTHON) -m webapp.benchmarks growth $(FLAGS)

# Speed of a killed replay compared with scoring alone, and a station's latency with a challenger: `FLAGS="--parts 1000"`.
bench-replay: $(tests)
	$(PYTHON) -m webapp.benchmarks replay $(FLAGS)

# Parts stored, scored and answered a second, compared with a peer that only scores: FLAGS="--seconds 60 --rounds 3".
bench-serving: $(tests)
	$(PYTHON) -m webapp.benchmarks serving $(FLAGS)

# 3,000 damaged and huge images: answers, latencies, and memory of the web processes.
bench-mutated: $(tests)
	$(PYTHON) -m webapp.benchmarks mutated $(FLAGS)

# Seconds of learning to the same average precision, beside the loop that the project grew from. FLAGS="--data DIR".
bench-training: $(runtime)
	$(PYTHON) -m mltasks.vision.benchmarks.training $(FLAGS)

# docs/img/pages and docs/pages.md, from a plant in a temporary folder; some 15 minutes on two cores.
screenshots: $(tests)
	$(PYTHON) -m tests.pictures

lint: $(tests)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m tests.project_checks

# Extract texts and compile translations, for every language with a folder in locale/.
OURS := --ignore=.venv --ignore=tests --ignore=var --ignore=media
messages: $(runtime)
	@command -v xgettext >/dev/null || { echo "xgettext is missing: apt install gettext, or brew install gettext."; exit 1; }
	@ls -d locale/*/ >/dev/null 2>&1 || { echo "No language yet: mkdir -p locale/de, then make messages again."; exit 1; }
	$(PYTHON) manage.py makemessages --all --no-wrap --add-location=file $(OURS)
	$(PYTHON) manage.py compilemessages --ignore=.venv

# Check that this folder allows programs, because .venv has some.
$(runtime):
	@trap 'rm -f .can-run' EXIT; printf '#!/bin/sh\n' > .can-run && chmod +x .can-run && ./.can-run || { \
		echo "Nothing can be run from $(CURDIR): it cannot be written, or its file system is mounted noexec or has no"; \
		echo "x bits. Move the checkout to another folder, or mount that file system with exec."; exit 1; }
	@echo "Making .venv and installing requirements.txt (once; some minutes on a cold package cache) ..."
	$(PYTHON3) -m venv .venv
	$(PIP_INSTALL) --requirement requirements.txt
	@rm -f .venv/.runtime-* && touch $@

$(tests): $(runtime)
	@echo "Installing requirements-dev.txt (once) ..."
	$(PIP_INSTALL) --quiet --requirement requirements-dev.txt
	@rm -f .venv/.tests-* && touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
