# Motif. `make` prints what there is. Needs Python 3.11 or newer; the rest is set up on first use.

PYTHON := .venv/bin/python
SETUP := python3 deploy/local/bootstrap.py
UV := $(PYTHON) -m uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --override requirements/overrides.txt
T ?= tests
TENANT ?= local

.DEFAULT_GOAL := help
.PHONY: help run up down demo key test test-unit lint types faults soak sound bench coverage \
	check-deploy check-deploy-broken deploy verify destroy dead-letters schemas lock clean local dev judges

##@ Run

run: local ## Set up, start everything here, make a first track; Ctrl-C stops it
	@$(PYTHON) -m deploy.local run

up: local ## The same in the background; .local/stack.json says where everything is
	@$(PYTHON) -m deploy.local up

down: ## Stop what `make up` has started
	@test ! -x $(PYTHON) || $(PYTHON) -m deploy.local down

demo: local ## Six tracks, one in each style, from the running stack
	@$(PYTHON) -m deploy.local demo

key: local ## An API key: TENANT=acme, here or in PROJECT=my-project; more: services/ingest/identity/admin.py
	@$(PYTHON) -m $(if $(PROJECT),services.ingest.identity.admin --project $(PROJECT),deploy.local.admin) \
		keys create --tenant $(TENANT)

##@ Check

test: dev judges lint types ## Lint, types and all tests (T=tests/unit for some of them)
	@$(PYTHON) -m pytest $(T) -n 3 --dist loadfile -m "not faults and not soak and not sound"

test-unit: dev ## Only the tests that need no emulator
	@$(PYTHON) -m pytest tests/unit

lint: dev ## Ruff: rules and format
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m ruff format --check --quiet .

types: dev ## mypy, strict
	@$(PYTHON) -m mypy

faults: dev ## Kills, pauses, races and lost messages, in under ten minutes
	@RACES=10 $(PYTHON) -m pytest tests/faults -n 2 --dist loadfile -m "not soak"
	@$(PYTHON) -m pytest tests/contract tests/e2e tests/browser -n 2 --dist loadfile -m faults

soak: dev ## The same in full counts, and what takes longest: about twenty minutes
	@RACES=50 $(PYTHON) -m pytest tests/faults
	@RACES=50 $(PYTHON) -m pytest tests/contract tests/e2e tests/browser -m "faults or soak"

sound: dev ## What is heard, in full counts: the local composer, and the table of finished sound
	@$(PYTHON) -m pytest tests/sound
	@$(PYTHON) benchmarks/finished.py

bench: dev ## The figures, each beside its limit or a rival
	@$(PYTHON) benchmarks/first.py
	@$(PYTHON) benchmarks/startup.py
	@$(PYTHON) benchmarks/mastering.py
	@$(PYTHON) benchmarks/webhooks.py
	@$(PYTHON) benchmarks/submit.py
	@$(PYTHON) benchmarks/eta.py
	@$(PYTHON) benchmarks/streams.py

coverage: dev ## Branch coverage of unit and contract tests
	@$(PYTHON) -m pytest tests/unit tests/contract --cov --cov-branch --cov-report=term-missing

check-deploy: dev ## What can be known of a deployment without an account; NAMES=settings for one check
	@$(PYTHON) -m deploy.checks $(NAMES)

check-deploy-broken: dev ## Does each of these checks notice what is broken on purpose?
	@$(PYTHON) -m deploy.checks.broken $(NAMES)

##@ Operate

deploy: dev ## PROJECT=p: Motif into a project of Google Cloud; OPTIONS=--dry-run shows the commands
	@$(PYTHON) -m deploy.cloud.deploy --project "$(PROJECT)" $(OPTIONS)

verify: dev ## PROJECT=p (else the local stack): is everything as it has to be?
	@$(PYTHON) -m deploy.cloud.verify --project "$(PROJECT)" $(OPTIONS)

destroy: dev ## PROJECT=p: all of it out of the project again, tracks included
	@$(PYTHON) -m deploy.cloud.destroy --project "$(PROJECT)" $(OPTIONS)

dead-letters: dev ## PROJECT=p (else the local stack): what was given up; OPTIONS="replay ID", "drop ID"
	@$(PYTHON) -m deploy.cloud.dead_letters --project "$(PROJECT)" $(or $(OPTIONS),list)

##@ Change

schemas: dev ## Avro schemas, after a change in shared/messages.py
	@$(PYTHON) -m shared.avro deploy/schemas

lock: dev ## Locked lists, after a change in pyproject.toml
	@$(UV) --extra dev --output-file requirements/dev.txt
	@for list in ingest generator notifier local java; do \
		$(UV) --extra $$list --constraints requirements/dev.txt --output-file requirements/$$list.txt || exit 1; \
	done
	@$(UV) --extra checks --output-file requirements/checks.txt

clean: down ## Remove everything that was made here, the environment too
	@rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Print this
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

local:
	@$(SETUP) local

dev:
	@$(SETUP) dev

judges: # what no wheel carries; tests that lack theirs are named as skipped
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "Left out: tests/browser, for lack of chromium (apt install chromium)"
