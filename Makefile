# make reports   run the cases and publish reports/     make test   pass the tests
# Both build .venv from constraints.txt when it is missing or out of date.

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The first Python that is new enough: the one named by PYTHON=, else python3, else a versioned name.
CHECK_PYTHON = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
FIND_PYTHON  = for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c "$(CHECK_PYTHON)" >/dev/null 2>&1 && { echo "$$python"; break; }; done

# Both locks name every version and the hashes of its files; the benchmarks' peers stand in the second alone.
LOCK = $(BIN)/uv pip compile --quiet --refresh-package lepton_nb --universal --python-version 3.11 \
	--fork-strategy fewest --no-emit-index-url --no-header --no-annotate --generate-hashes --upgrade setup.py

.PHONY: reports test lab bench export lock clean help
.DEFAULT_GOAL := help

help:
	@echo "make reports   run every case on the data at hand, execute every notebook, publish reports/index.html"
	@echo "make test      execute every notebook whose inputs changed, then pytest"
	@echo "make lab       open the workbook in JupyterLab"
	@echo "make bench     measure against the peers, side by side, as ratios"
	@echo "make export    write lepton_nb/ and README.md from the notebooks, and clean them"
	@echo "make lock      renew the locks, constraints.txt and constraints-bench.txt"
	@echo "make clean     remove .venv, runs/ and build leftovers"

$(VENV)/ready: constraints.txt setup.py settings.ini
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "lepton_nb needs Python 3.11 or newer with the venv module; found: $$(python3 --version 2>&1 || echo none)."; \
		echo "Install one (for instance python3.12 and python3.12-venv), or name it: make PYTHON=/path/to/python3.12 reports"; \
		exit 1; \
	fi; \
	echo "Building $(VENV) with $$("$$python" --version) (once; about two minutes)"; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(PIP) --require-hashes -r constraints.txt
	@$(PIP) --no-deps -e .
	@touch $@

reports: $(VENV)/ready
	@$(BIN)/lepton-nb site --run --reports reports
	@echo "Open $(CURDIR)/reports/index.html"

# Two processes share the machine here: linear algebra keeps to one thread each.
test: export OMP_NUM_THREADS ?= 1
test: export OPENBLAS_NUM_THREADS ?= 1
test: $(VENV)/ready
	$(BIN)/lepton-nb site --execute-only
	$(BIN)/python -m pytest -n auto --dist loadfile

lab: $(VENV)/ready
	$(BIN)/jupyter lab nbs

bench: $(VENV)/ready
	@$(PIP) --require-hashes -r constraints-bench.txt
	@for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit $$?; done

export: $(VENV)/ready
	$(BIN)/python tests/in_sync.py --write

lock: $(VENV)/ready
	$(LOCK) --extra dev -o constraints.txt
	$(LOCK) -c constraints.txt --extra dev --extra bench -o constraints-bench.txt

clean:
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .hypothesis
