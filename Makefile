# The recipes of radkit. `make demo` and `make test` are all a newcomer needs; each sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check -q
NATIVE := $(wildcard src/radkit/_native/*.pyx src/radkit/_native/*.pxi src/radkit/_native/*/*.[ch] src/radkit/_native/include/radkit/*.h)
SECONDS_EACH ?= 60

.PHONY: demo test test-slow test-masked interop check kernels sanitize fuzz bench bench-quick bad-table reliability wheel clean

$(VENV)/.stamp-tools:
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install "pip>=25.1" "setuptools>=77" "cython>=3.1"
	@touch $@

# A changed .pyx or .c is compiled again; nothing else is.
$(VENV)/.stamp-native: $(VENV)/.stamp-tools setup.py $(NATIVE)
	$(PY) setup.py -q build_ext --inplace -j 2
	@touch $@

# After the native part, so that the installation finds it built.
$(VENV)/.stamp-run: $(VENV)/.stamp-native pyproject.toml
	test -e $@ -a $@ -nt pyproject.toml || RADKIT_BUILT=1 $(PIP) install --no-build-isolation -e .
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-run
	test -e $@ -a $@ -nt pyproject.toml || $(PIP) install --group test --group judges --group check
	@touch $@

# Decoders of browsers, judges in tests; without npm, or without a network, their tests are skipped by name.
JUDGES := .cache/node/.stamp
$(JUDGES): tests/node/package.json tests/node/package-lock.json
	@command -v npm >/dev/null && mkdir -p $(@D) && cp $^ $(@D) \
	    && npm ci --prefix $(@D) --no-audit --no-fund --ignore-scripts --fetch-retries=1 && touch $@ \
	    || echo "no decoders of browsers: npm is not here, or could not install them"

demo: $(VENV)/.stamp-run  ## transcode a real series, prove it, write demo-out/report.html
	$(PY) demo/run.py $(SOURCE)

test: $(VENV)/.stamp-test $(JUDGES)  ## everything but the slow tests
	$(PY) -m pytest -m "not slow"

test-slow: $(VENV)/.stamp-test $(JUDGES)
	$(PY) -m pytest -m slow

# One instruction set after the other, the portable code first. AVX2 means AVX2, BMI1, BMI2, LZCNT
# and POPCNT together (kernels/cpu.h); row 16 of tests/test_reliability.py takes them away singly.
MASKS ?= c avx2
MASKED_TESTS ?= tests/codecs tests/kernels tests/pixels
test-masked: $(VENV)/.stamp-test  ## the decoders' tests under each instruction set
	for mask in $(MASKS); do echo "== RADKIT_CPU=$$mask"; \
	    RADKIT_CPU=$$mask $(PY) -m pytest -m "not slow" $(MASKED_TESTS) || exit 1; done

# Programs of Debian that files and associations are tried with; tests/real skips by name what is not here.
PROGRAMS := dcmtk libgdcm-tools dicom3tools orthanc orthanc-dicomweb chromium
interop: $(VENV)/.stamp-test $(JUDGES)  ## install the programs, and run the tests against them
	dpkg -s $(PROGRAMS) >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PROGRAMS) \
	    || echo "not installed (apt-get wants root and Debian's packages): $(PROGRAMS)"
	$(PY) -m pytest -rs tests/real tests/examples/test_progressive.py

check: $(VENV)/.stamp-test  ## lint, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

kernels: $(VENV)/.stamp-test  ## every variant against the reference, and its speed
	$(PY) -m pytest tests/kernels
	$(PY) -m tests.kernels.run --bench

bench: $(VENV)/.stamp-test  ## radkit beside its peers; results/*.json and the table
	$(PY) -m benchmarks.run

bench-quick: $(VENV)/.stamp-test
	$(PY) -m benchmarks.run --quick

sanitize: $(VENV)/.stamp-test  ## the suite's native part under AddressSanitizer and UndefinedBehaviorSanitizer
	tools/sanitize.sh

fuzz: $(VENV)/.stamp-test
	$(PY) fuzz/run.py --seconds $(SECONDS_EACH)

bad-table: $(VENV)/.stamp-test  ## docs/bad-input.md from the rows of tests/bad
	$(PY) tools/bad_table.py

SECONDS_OF_CAMPAIGN ?= 20
reliability: $(VENV)/.stamp-test  ## break things on purpose, add up what was tried, docs/reliability.md, the table
	$(PY) -m reliability.run --seconds $(SECONDS_OF_CAMPAIGN)

wheel: $(VENV)/.stamp-run  ## build a wheel and run it in an environment of its own
	tools/wheel_check.sh

clean:
	rm -rf build dist demo-out .cache src/radkit/_native/*.so src/*.egg-info
