# Everything from a fresh clone with Python 3.11 or newer and make; `make` alone lists the commands.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

EVENT = events/schedule.json
CREDENTIALS = password
ARCH = arm64
N = 100
ARGS =

# The first Python that is new enough; PYTHON=/path/to/python chooses another one.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
IS_NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export SAM_CLI_TELEMETRY = 0
unexport PYTHONPATH PYTHONHOME

VENV := .venv/.installed
VENV_SAM := .venv-sam/.installed
VENV_CHECKOV := .venv-checkov/.installed
VENV_RUNTIME := .venv-runtime/.installed
RIE := .venv/bin/aws-lambda-rie
PY := .venv/bin/python

# Commands
run: $(VENV) $(RIE) ## run the function on EVENT=events/schedule.json with CREDENTIALS=password|aksk
	@$(PY) -m tests.local_cloud.commands.run --credentials $(CREDENTIALS) $(EVENT)

test: $(VENV) $(RIE) $(VENV_SAM) $(VENV_RUNTIME) ## run the whole test suite
	@$(PY) -m pytest $(ARGS)

check: $(VENV) $(VENV_SAM) $(VENV_CHECKOV) ## format, lint, types, layers, template
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
	@echo '==> template'
	@$(PY) -m tests.template.lint

build: $(VENV) ## build the artifact for ARCH=arm64|x86_64 in .aws-sam/build/BackupFunction
	@$(MAKE) --no-print-directory -f src/Makefile build-BackupFunction \
		ARCH=$(ARCH) PYTHON=$(PY) ARTIFACTS_DIR=.aws-sam/build/BackupFunction

bench: $(VENV) $(RIE) $(VENV_RUNTIME) ## print the benchmark table
	@$(PY) -m tests.benchmarks

contract: $(VENV) ## write docs/contract anew from the code
	@PYTHONPATH=src $(PY) -m tests.contract

sandbox: $(VENV) $(RIE) ## keep the local cloud running until Ctrl-C
	@$(PY) -m tests.local_cloud.commands.sandbox

chaos: $(VENV) $(RIE) ## run N=100 random disturbances
	@$(PY) -m tests.local_cloud.chaos $(N)

lock: .venv-lock/.installed ## remake the lock files (ARGS=--upgrade: with the newest versions)
	@$(LOCK) --group dev pyproject.toml --universal --python-version 3.11 -o requirements.lock
	@$(LOCK) --group sam --universal --python-version 3.11 -o tests/requirements-sam.lock
	@$(LOCK) --group checkov --universal --python-version 3.11 -o tests/requirements-checkov.lock
	@$(LOCK) pyproject.toml --python-version 3.13 --python-platform aarch64-manylinux2014 \
		-o src/requirements.txt

clean: ## remove everything that these commands made
	rm -rf .venv .venv-* .aws-sam .hypothesis .*_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1#/p' $(MAKEFILE_LIST) | awk -F'#' '{printf "%-15s %s\n", $$1, $$2}'

.PHONY: run test check build bench contract sandbox chaos lock clean help

# Set-up: each environment is stamped when it is complete and remade when its lock file changed
LOCK = .venv-lock/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate $(ARGS)

# $(call locked,NAMES,LOCKFILE) prints the locked lines of some packages
locked = sed -n $(foreach name,$(1),-e '/^$(name)==/,/[^\\]$$/p') $(2)

$(VENV): requirements.lock
	@test -n '$(PYTHON)' && $(PYTHON) -c '$(IS_NEW_ENOUGH)' || { \
		echo 'This needs Python 3.11 or newer; found: $(or $(shell $(or $(PYTHON),python3) --version 2>&1),none).' \
			'If it is elsewhere: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo '==> .venv: installing $(words $(shell grep -o '^[a-z][^ ]*==' $<)) locked packages, about a minute'
	@$(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

# AWS ships the Lambda Runtime Interface Emulator inside its SAM command line; of that one wheel
# we take the one binary.
$(RIE): tests/requirements-sam.lock $(VENV)
	@test "$$(uname -s)" = Linux || { echo 'AWS makes the Lambda emulator for Linux alone.' >&2; exit 1; }
	@echo '==> .venv: installing the Lambda Runtime Interface Emulator'
	@$(call locked,aws-sam-cli,$<) > .venv/rie.txt
	@$(PY) -m pip install --quiet --no-deps --require-hashes --no-compile --target .venv/rie -r .venv/rie.txt
	@case "$$(uname -m)" in aarch64 | arm64) arch=arm64 ;; *) arch=x86_64 ;; esac; \
		install -m 755 .venv/rie/samcli/local/rapid/aws-lambda-rie-$$arch $@
	@rm -r .venv/rie .venv/rie.txt

# Tools whose packages do not go together with ours, and in part not with each other
$(VENV_SAM) $(VENV_CHECKOV): .venv-%/.installed: tests/requirements-%.lock | $(VENV)
	@echo '==> .venv-$*: installing the locked packages of $*, about a minute'
	@$(PY) -m venv --clear .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

# The runtime's own Python, to run the artifact as it is. Optional: without it one test is skipped.
$(VENV_RUNTIME): requirements.lock src/build_artifact.py $(VENV)
	@python="$$($(PY) src/build_artifact.py --find-python)" || exit 0; \
	echo "==> .venv-runtime: Lambda's runtime client for $$python"; \
	$$python -m venv --clear .venv-runtime && \
	$(call locked,awslambdaric simplejson snapshot-restore-py,$<) > .venv-runtime/packages.txt && \
	.venv-runtime/bin/python -m pip install --quiet --no-deps --require-hashes \
		-r .venv-runtime/packages.txt && touch $@

.venv-lock/.installed: Makefile | $(VENV)
	@echo '==> .venv-lock: installing uv'
	@$(PY) -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip install --quiet uv==0.13.9
	@touch $@
