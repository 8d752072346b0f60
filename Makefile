# Each target does its whole set-up alone, in .venv: with uv where there is one, else with venv and pip.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run study test check clean
.NOTPARALLEL:

run: .venv/run.stamp  ## the main job on the real data
	$(BIN)/fmnist-jax train pipeline

study: .venv/study.stamp  ## every experiment, for hours, then the page; resumes
	@$(BIN)/python -m experiments study; code=$$?; $(BIN)/python -m experiments page && exit $$code

test: .venv/test.stamp  ## every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: .venv/dev.stamp  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

clean:
	rm -rf .venv build dist

.venv/run.stamp: EXTRAS :=
.venv/study.stamp: EXTRAS := [study]
.venv/test.stamp: EXTRAS := [test]
.venv/dev.stamp: EXTRAS := [dev]
.venv/%.stamp: pyproject.toml
	@echo "Installing fmnist-jax$(EXTRAS) into .venv (the first time takes a minute or two)"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.$(EXTRAS)'; \
	else \
	  { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv || \
	    { echo "no virtual environment can be made: install python3-venv (Debian) or uv" >&2; exit 2; }; } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(EXTRAS)'; \
	fi
	@touch $@
