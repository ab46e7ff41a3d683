# Every target installs what it needs into .venv; `make` alone lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test coverage hostile speakers mcp plugins ray stores llms lint dist docs screenshots docs-serve overview audit mutants rerecord costs bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) (a minute or two, once) ..." >&2
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[cli,sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

demo: $(VENV)/.demo ## transcribe examples/data/standup.ogg, with the service if APERTIS_API_KEY is set, else with the local sandbox
	@$(BIN)/apertis-audio transcribe $(if $(APERTIS_API_KEY),,--sandbox) examples/data/standup.ogg

lint: $(VENV)/.dev ## ruff, mypy --strict, and pyright on tests/typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

test: lint ## lint, type-check and run every test
	$(BIN)/python -m pytest -n auto --dist loadfile

coverage: $(VENV)/.dev ## run every test and print the lines that none runs; takes two fifths more processor time than make test
	$(BIN)/python -m pytest -n auto --dist loadfile -p pytest_cov.plugin --cov=apertis_audio_tools

hostile: $(VENV)/.dev ## read thousands of hostile responses, texts and recordings and every form of a repeated key, with memory and time measured
	APERTIS_LONG_TESTS=1 $(BIN)/python -m pytest tests/hostile/test_bombs.py tests/hostile/test_response_costs.py tests/hostile/test_linear_time.py tests/project/test_repeated_keys.py
	$(BIN)/python benchmarks/fuzz_responses.py --count 5000
	$(BIN)/python benchmarks/fuzz.py --count 9200 --bombs 300

speakers: $(VENV)/.dev ## transcribe a meeting of an hour by its channels, and compare it with its mono sum
	$(BIN)/python benchmarks/speakers.py --minutes 60

mcp: $(VENV)/.dev ## transcribe three hours over each transport of MCP
	APERTIS_LONG_TESTS=1 $(BIN)/python -m pytest tests/mcp

costs: $(VENV)/.dev ## compare estimates with what the sandbox bills, and limits with what a service bills in spite of faults
	$(BIN)/python benchmarks/costs.py

plugins: $(VENV)/.dev ## test the plugins in llm, MarkItDown and NeMo Agent Toolkit, each installed in its own environment
	APERTIS_PLUGIN_HOSTS=1 $(BIN)/python -m pytest tests/plugins

$(VENV)/ray/.installed: pyproject.toml # Ray weighs half a gigabyte, so that it has an environment of its own
	$(PYTHON) -m venv $(VENV)/ray
	$(VENV)/ray/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(VENV)/ray/bin/python -m pip install --quiet --editable '.[all,ray]' --group test --group ray
	@touch $@

ray: $(VENV)/ray/.installed ## transcribe with workers of Ray on this machine, kill some of them, and compare a worker with one process
	$(VENV)/ray/bin/python -m pytest --log-cli-level=INFO tests/ray_data
	$(VENV)/ray/bin/python benchmarks/ray_workers.py

$(VENV)/.bench: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev --group bench
	@touch $@

bench: $(VENV)/.bench ## measure speed and memory beside the openai SDK, httpx and ffmpeg; takes about an hour
	$(BIN)/python benchmarks/imports.py
	$(BIN)/python benchmarks/streams.py
	$(BIN)/python benchmarks/streams.py --tls
	$(BIN)/python benchmarks/upload_memory.py --tls
	$(BIN)/python benchmarks/small_work.py
	$(BIN)/python benchmarks/cut_quality.py
	$(BIN)/python benchmarks/cutting.py --hours 4 --runs 3
	$(BIN)/python benchmarks/long_recordings.py --formats wav mp3 m4a --uplink 100 20 --write $(VENV)

$(VENV)/.stores: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group stores
	@touch $@

stores: $(VENV)/.stores ## index recordings in Chroma, Qdrant and FAISS, with a record manager in a database or a saved docstore
	$(BIN)/python -m pytest tests/langchain/test_indexing.py tests/llama_index/test_stores.py

$(VENV)/.llms: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group llms
	@touch $@

llms: $(VENV)/.llms ## run the tools in agents with the classes of Ollama, Anthropic, Mistral and OpenAI
	$(BIN)/python -m pytest tests/llama_index/test_other_llms.py

$(VENV)/.docs-tools: pyproject.toml $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --editable '.[sandbox]' --group docs
	@touch $@

dist: $(VENV)/.dev ## build the wheel and the sdist into dist, check them, and run the quickstart from each in a bare environment
	$(BIN)/python -m pip install --quiet --group dist
	rm -rf dist && $(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	APERTIS_DISTRIBUTIONS=1 $(BIN)/python -m pytest tests/project/test_distributions.py

docs: $(VENV)/.docs-tools ## build the documentation site into .venv/site; warnings, such as dead links, are errors
	$(BIN)/zensical build --strict --clean

screenshots: docs ## take screenshots of three pages of the documentation site, with an installed Chromium
	$(BIN)/python docs/screenshots.py $(VENV)/site $(VENV)/screenshots

docs-serve: $(VENV)/.docs-tools ## serve the documentation site on this machine, and build it anew when a page changes
	$(BIN)/zensical serve

overview: $(VENV)/.docs-tools ## draw the picture of the landing page anew
	$(BIN)/python docs/overview.py

$(VENV)/.audit: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group audit
	@touch $@

audit: $(VENV)/.audit ## check the dependencies for known vulnerabilities, the security rules of ruff, and the workflows
	$(BIN)/ruff check --select S src examples benchmarks
	$(BIN)/zizmor --offline --persona=pedantic .github/workflows
	$(BIN)/python -m pip list --format=freeze --exclude-editable > $(VENV)/installed.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $(VENV)/installed.txt

$(VENV)/.mutants: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group mutants
	@touch $@

mutants: $(VENV)/.mutants ## mutate core modules in a copy, and print the mutations that no test detects
	@rm -rf $(VENV)/mutants && mkdir $(VENV)/mutants && cp -R src tests pyproject.toml $(VENV)/mutants
	cd $(VENV)/mutants && $(abspath $(BIN))/mutmut run
	@cd $(VENV)/mutants && $(abspath $(BIN))/mutmut results | sed -n 's/: survived$$//p; s/: no tests$$//p' | \
		xargs -n 1 $(abspath $(BIN))/mutmut show
	@cd $(VENV)/mutants && $(abspath $(BIN))/mutmut export-cicd-stats && cat mutants/mutmut-cicd-stats.json

rerecord: $(VENV)/.dev ## record every cassette anew (from the service if APERTIS_API_KEY is set, else from the sandbox), keep what contradicts a test in contradictions/, and print changes in the shape of responses
	@rm -rf contradictions
	@$(BIN)/python -m pytest --record-mode=rewrite -m vcr; recorded=$$?; \
		PYTHONPATH=tests $(BIN)/python -m support.cassettes.shapes; exit $$recorded

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache
