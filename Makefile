# The two commands of the README are `make demo` and `make test`; a bare machine needs Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Byte code is kept: the demo and the tests start processes by the dozen, each of which would compile four hundred files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: venv demo test check format proto lock wheel clean
.DEFAULT_GOAL := demo

venv: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "carbonport needs Python 3.11 or later; set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q -j 0 src
	@touch $@

demo: venv
	$(BIN)/carbonport demo

test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Format, lint, types, layers, generated code, lock: in the order in which a mistake is cheapest to mend.
check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests
	$(BIN)/lint-imports
	$(BIN)/python tools/check_generated.py
	$(BIN)/python tools/check_lock.py

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: venv
	$(BIN)/python tools/generate_wire.py

lock: venv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --all-extras --python-version 3.11 \
		--output-file requirements.lock pyproject.toml

wheel: venv
	rm -rf dist
	$(BIN)/python -m hatchling build --target wheel

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .hypothesis
