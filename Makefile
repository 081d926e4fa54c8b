# Everything from a fresh clone with Python 3.11 or newer and make; `make` alone lists the commands.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

EVENT ?= events/schedule.json
CREDENTIALS ?= password
ARCH = arm64
ARTIFACT = .aws-sam/build/BackupFunction
SBOM = .aws-sam/build/BackupFunction.cdx.json
N = 2000
ARGS =

# The first Python that is new enough; PYTHON=/path/to/python chooses another one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
IS_NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export SAM_CLI_TELEMETRY = 0
export PYTHON EVENT CREDENTIALS # recipes read them from the shell, so that a blank does no harm
unexport PYTHONPATH PYTHONHOME

# `make run RUN=.venv` uses the environment of the tests instead
RUN := .venv-run
VENV_RUN := $(RUN)/.installed
VENV := .venv/.installed
VENV_SAM := .venv-sam/.installed
VENV_CHECKOV := .venv-checkov/.installed
VENV_RUNTIME := .venv-runtime/.installed
PY := .venv/bin/python

# `make run events/sqs.json` means EVENT=events/sqs.json
NAMED := $(filter %.json,$(MAKECMDGOALS))
ifneq ($(NAMED),)
ifneq ($(filter run invoke,$(firstword $(MAKECMDGOALS)))$(words $(MAKECMDGOALS)),$(firstword $(MAKECMDGOALS))2)
$(error To use an event of your own, type: make run EVENT='path/to/event.json')
endif
EVENT := $(NAMED)
$(NAMED):
	@:
.PHONY: $(NAMED)
endif

# Commands
run: linux $(VENV_RUN) ## run the function on EVENT=events/schedule.json with CREDENTIALS=password|aksk
	@$(RUN)/bin/python -m tests.local_cloud.commands.run --credentials "$$CREDENTIALS" -- "$$EVENT"

test: linux $(VENV) $(VENV_SAM) $(VENV_RUNTIME) ## run the whole test suite
	@$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV) $(VENV_SAM) $(VENV_CHECKOV) ## format, lint, types, layers, locks, advisories, template
	@echo '==> format'
	@.venv/bin/ruff format --check
	@echo '==> lint'
	@.venv/bin/ruff check
	@echo '==> types'
	@.venv/bin/mypy
	@echo '==> layers'
	@PYTHONPATH=src .venv/bin/lint-imports --no-logo
	@echo '==> contract'
	@PYTHONPATH=src $(PY) -m tests.contract --check
	@echo '==> locks'
	@.ci/uv lock --quiet --check
	@$(EXPORT) | diff src/requirements.txt -
	@$(EXPORT) --only-group uv | diff .ci/uv.txt -
	@echo '==> advisories'
	@$(PY) -m tests.advisories
	@echo '==> template'
	@$(PY) -m tests.template.lint

build: $(VENV) ## build the artifact for ARCH=arm64|x86_64 in .aws-sam/build/BackupFunction
	@$(MAKE) --no-print-directory -f src/Makefile build-BackupFunction \
		ARCH=$(ARCH) PYTHON=$(PY) ARTIFACTS_DIR=$(ARTIFACT)
	@$(MAKE) --no-print-directory sbom

# The bill of materials by what lies in the artifact: with -S the Python that is asked for its path
# sees nothing else. -I keeps the artifact's packages from the tool itself.
sbom: $(VENV)
	@PYTHONPATH='$(ARTIFACT)' $(PY) -I -m cyclonedx_py environment -S --output-reproducible \
		--pyproject pyproject.toml --output-file '$(SBOM)' $(PY)
	@echo 'bill of materials: $(SBOM)'

.PHONY: deploy
deploy: export PATH := $(PATH):$(CURDIR)/.venv-sam/bin
deploy: ## check, build and deploy the stack as samconfig.toml says
	@$(NEEDS_PYTHON)
	@'$(PYTHON)' src/deploy_checks.py
	@sam build
	@sam deploy

bench: linux $(VENV) $(VENV_RUNTIME) ## print the benchmark table
	@PYTHONPATH=src $(PY) -m tests.benchmarks

contract: $(VENV) ## write docs/contract anew from the code
	@PYTHONPATH=src $(PY) -m tests.contract

sandbox: linux $(VENV_RUN) ## keep the local cloud running until Ctrl-C
	@$(RUN)/bin/python -m tests.local_cloud.commands.sandbox

invoke: linux $(VENV_RUN) ## run the function on EVENT and the local cloud of `make sandbox`
	@$(RUN)/bin/python -m tests.local_cloud.commands.invoke --credentials "$$CREDENTIALS" -- "$$EVENT"

drill: linux $(VENV_RUN) ## play eight incidents, each with its log line and the runbook's section
	@$(RUN)/bin/python -m tests.local_cloud.commands.drill

chaos: linux $(VENV) ## run N=2000 random disturbances
	@PYTHONPATH=src $(PY) -m tests.local_cloud.chaos $(N)

fuzz: linux $(VENV) ## run the function on N=2000 mutated sample events (ARGS=seed)
	@PYTHONPATH=src $(PY) -m tests.fuzz $(N) $(ARGS)

lock: ## remake the lock files (ARGS=--upgrade: with the newest versions)
	@.ci/uv lock $(ARGS)
	@$(EXPORT) > src/requirements.txt
	@$(EXPORT) --only-group uv > .ci/uv.txt

clean: ## remove everything that these commands made
	rm -rf .venv .venv-* .uv .sandbox .aws-sam .hypothesis .*_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1#/p' $(MAKEFILE_LIST) | awk -F'#' '{printf "%-15s %s\n", $$1, $$2}'

.PHONY: run test check build sbom bench contract sandbox invoke drill chaos fuzz lock clean help linux

# Set-up: an environment is made anew when uv.lock is newer than its stamp
EXPORT = .ci/uv export --quiet --locked --no-header --no-annotate

.venv-run/.installed: uv.lock
	@$(NEEDS_PYTHON)
	@.ci/environment .venv-run '$(PYTHON)' run

$(VENV): uv.lock
	@$(NEEDS_PYTHON)
	@.ci/environment .venv '$(PYTHON)' dev

$(VENV_SAM) $(VENV_CHECKOV): .venv-%/.installed: uv.lock
	@$(NEEDS_PYTHON)
	@.ci/environment .venv-$* '$(PYTHON)' $*

# The runtime's own Python, to run the artifact as it is. Optional: without it some tests are skipped.
$(VENV_RUNTIME): uv.lock src/build_artifact.py $(VENV)
	@python="$$($(PY) src/build_artifact.py --find-python)" || exit 0; \
		.ci/environment .venv-runtime "$$python" runtime

NEEDS_PYTHON = test -n '$(PYTHON)' && '$(PYTHON)' -c '$(IS_NEW_ENOUGH)' || { \
	echo 'This needs Python 3.11 or newer; found: $(or $(shell $(or $(PYTHON),python3) --version 2>&1),none).' \
		'If it is elsewhere: make PYTHON=/path/to/python3' >&2; exit 1; }

linux:
	@test "$$(uname -s)" = Linux || { \
		echo 'This needs Linux, because AWS makes the Lambda emulator for nothing else. In a container:' >&2; \
		echo '  docker run --rm -it -v "$${PWD}:/project:ro" python:3.13' \
			'sh -c "cp -R /project /tmp/project && cd /tmp/project && make clean $(MAKECMDGOALS)"' >&2; exit 1; }
