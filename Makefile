# Every target makes the virtual environment when it is missing or when the dependencies have changed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 3
CHAOS ?= producer consumer
STAMP := $(VENV)/.installed
PACKAGES := schemas runtime producer consumer sandbox
CHECKED := $(PACKAGES) plugins tests benchmarks deploy

.PHONY: demo test chaos lint format bench dashboard metrics-page chart chart-released image image-check clean constraints

demo: $(STAMP)  ## The main job on embedded defaults: site, broker, producer, two teams' consumers. Ctrl-C ends it.
	@$(BIN)/shotgun-sandbox demo $(ARGS)

test: $(STAMP)  ## All tests, on real Apache Kafkas that the suite starts itself; WORKERS=0 runs one test at a time.
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: $(STAMP)  ## Random faults, 20 minutes each for producer and consumer; CHAOS=consumer, CHAOS_MINUTES=60, CHAOS_SEED=7 to replay.
	@CHAOS_MINUTES=$${CHAOS_MINUTES:-20} $(BIN)/python -m pytest -s $(CHAOS:%=tests/chaos/test_%_chaos.py) $(ARGS)

lint: $(STAMP)  ## Format, style, types and the import table.
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/Dockerfile

format: $(STAMP)
	@$(BIN)/ruff format $(CHECKED)
	@$(BIN)/ruff check --fix $(CHECKED)

bench: $(STAMP)  ## Every comparison in benchmarks/, each as a ratio to a raw loop of the same run.
	@set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

dashboard: $(STAMP)  ## Write deploy/monitoring/dashboard.json anew.
	@PYTHONPATH=deploy/monitoring $(BIN)/python -m stream_dashboard deploy/monitoring/dashboard.json

metrics-page: $(STAMP)  ## Write docs/metrics.md from the lists of metrics.
	@$(BIN)/python deploy/metrics_page.py

image:  ## Build the container image with buildah, docker or podman; IMAGE=name:tag, IMAGE_OPTIONS="--network host".
	@$(PYTHON) deploy/build_image.py $(IMAGE:%=--tag %) --options="$(IMAGE_OPTIONS)"

image-check: $(STAMP)  ## Run the image as the chart does, on a local Kafka and a simulated site, with docker or podman.
	@$(BIN)/python deploy/check_image.py $(IMAGE:%=--image %) --options="$(RUN_OPTIONS)"

chart: $(STAMP)  ## The chart's values.schema.json and the table of values in its README, made of deploy/shotgun_chart.
	@$(BIN)/python -m shotgun_chart

chart-released: $(STAMP)  ## With a release: what the next charts are compared with, so that upgrades stay upgrades.
	@PYTHONPATH=tests $(BIN)/python tests/helm/released.py

constraints: $(STAMP)  ## Pin every dependency anew for all supported Python versions.
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.10 \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade --quiet --output-file constraints.txt

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12") if sys.version_info < (3, 10) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable ".[sandbox]"
	@touch $@
