# Each target does its whole set-up alone, in VENV: with uv if it is installed, else with venv and pip.
#   make test PYTHON=python3.13 VENV=.venv-3.13     another Python, in an environment next to .venv
#   make test CONSTRAINTS=constraints/python3.11.txt    the tested versions of all packages

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?=
BIN := $(VENV)/bin
# Python keeps what it compiles, whatever the environment says: else each process compiles JAX again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run study test check clean
.NOTPARALLEL:

run: $(VENV)/run.stamp  ## the main job on the real data
	$(BIN)/fmnist-jax train pipeline

study: $(VENV)/study.stamp  ## every experiment, for hours, then the page; resumes
	@$(BIN)/python -m experiments study; code=$$?; $(BIN)/python -m experiments page && exit $$code

test: $(VENV)/test.stamp  ## every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp  ## formatting, lint, which package imports which, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf $(VENV) build dist

$(VENV)/run.stamp: EXTRAS := [plots]
$(VENV)/study.stamp: EXTRAS := [study]
$(VENV)/test.stamp: EXTRAS := [test]
$(VENV)/dev.stamp: EXTRAS := [dev]
$(VENV)/%.stamp: pyproject.toml
	@echo "Installing fmnist-jax$(EXTRAS) into $(VENV) (the first time takes a minute or two)"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --python $(BIN)/python $(addprefix --constraints ,$(CONSTRAINTS)) \
	    -e '.$(EXTRAS)'; \
	else \
	  { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || \
	    { echo "no virtual environment can be made: install python3-venv (Debian) or uv" >&2; exit 2; }; } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	    $(addprefix --constraint ,$(CONSTRAINTS)) -e '.$(EXTRAS)'; \
	fi
	@touch $@
