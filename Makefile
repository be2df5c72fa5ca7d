# make demo   reconstruct a photograph (sets up .venv: the base install, no torch)
# make test   run the tests            (sets up .venv-dev: with torch and the test tools)
PYTHON ?= python3
PHOTO ?= examples/tennis.jpg

.PHONY: demo test check clean

demo: .venv/installed
	.venv/bin/pymafsam reconstruct "$(PHOTO)" --out out/demo --save picture,side,json,obj
	@echo "Results: $$(cd out/demo && pwd)" && ls out/demo

test: .venv-dev/installed
	.venv-dev/bin/python -m pytest

check: .venv-dev/installed
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .
	.venv-dev/bin/pyright
	.venv-dev/bin/lint-imports --no-cache

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv-dev/installed: pyproject.toml
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,sam]"
	touch $@

clean:
	rm -rf .venv .venv-dev out
