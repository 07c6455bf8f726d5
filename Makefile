# The recipes of radkit. `make demo` and `make test` are all a newcomer needs; each sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check -q
NATIVE := $(wildcard src/radkit/_native/*.pyx src/radkit/_native/*.pxi src/radkit/_native/*/*.[ch] src/radkit/_native/include/radkit/*.h)
SECONDS_EACH ?= 60

.PHONY: demo test test-slow check kernels sanitize fuzz bench bench-quick bad-table wheel clean

$(VENV)/.stamp-run: pyproject.toml setup.py
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install "pip>=24" "setuptools>=77" "cython>=3.1"
	$(PIP) install --no-build-isolation -e .
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-run
	$(PIP) install --no-build-isolation -e ".[test,judges,check]"
	@touch $@

# A changed .pyx or .c is compiled again; nothing else is.
$(VENV)/.stamp-native: $(VENV)/.stamp-run $(NATIVE)
	$(PY) setup.py -q build_ext --inplace
	@touch $@

demo: $(VENV)/.stamp-run $(VENV)/.stamp-native  ## transcode a real series, prove it, write demo-out/report.html
	$(PY) demo/run.py $(SOURCE)

test: $(VENV)/.stamp-test $(VENV)/.stamp-native  ## everything but the slow tests
	$(PY) -m pytest -m "not slow"

test-slow: $(VENV)/.stamp-test $(VENV)/.stamp-native
	$(PY) -m pytest -m slow

check: $(VENV)/.stamp-test $(VENV)/.stamp-native  ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

kernels: $(VENV)/.stamp-test $(VENV)/.stamp-native  ## every variant against the reference, and its speed
	$(PY) -m pytest tests/kernels
	$(PY) -m tests.kernels.run --bench

bench: $(VENV)/.stamp-test $(VENV)/.stamp-native  ## radkit beside its peers; results/*.json and the table
	$(PY) -m benchmarks.run

bench-quick: $(VENV)/.stamp-test $(VENV)/.stamp-native
	$(PY) -m benchmarks.run --quick

sanitize: $(VENV)/.stamp-test  ## the suite's native part under AddressSanitizer and UndefinedBehaviorSanitizer
	tools/sanitize.sh

fuzz: $(VENV)/.stamp-test $(VENV)/.stamp-native
	$(PY) fuzz/run.py --seconds $(SECONDS_EACH)

bad-table: $(VENV)/.stamp-test $(VENV)/.stamp-native  ## docs/bad-input.md from the rows of tests/bad
	$(PY) tools/bad_table.py

wheel: $(VENV)/.stamp-run  ## build a wheel and run it in an environment of its own
	tools/wheel_check.sh

clean:
	rm -rf build dist demo-out .cache src/radkit/_native/*.so src/*.egg-info
