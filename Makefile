.PHONY: setup check test chaos lint types imports docs run clean

BIN = .venv/bin

# Make the virtual environment with everything that the tests need
setup:
	python3 -m venv .venv && $(BIN)/pip install -q -e '.[test]'

# Run all that a change must pass
check:
	.ci/run

# Run the ordinary tests; `check` runs the slow ones too
test:
	$(BIN)/pytest

# Run the fault experiments at their full size: kills, outages, damaged bytes; prints the seeds
chaos:
	SYMBOLICATE_CHAOS=full $(BIN)/pytest -m '' -rP tests/faults

# Format the code and check its style
lint:
	$(BIN)/ruff format . && $(BIN)/ruff check .

# Check the types
types:
	mkdir -p .mypy && ln -sfn ../api .mypy/symbolicate_api && ln -sfn ../worker .mypy/symbolicate_worker
	$(BIN)/mypy symbolicate api worker
	MYPYPATH=benchmarks $(BIN)/mypy tests benchmarks docs

# Check who imports whom
imports:
	$(BIN)/lint-imports

# Write the generated pages, and draw the README's picture from a real run of the demo
docs:
	$(BIN)/python docs/make_pages.py
	$(BIN)/python docs/make_demo_picture.py

# Serve on port 8000 from ./symbolicate-data
run:
	$(BIN)/symbolicate serve --port 8000

# Remove what tools left behind
clean:
	rm -rf build dist *.egg-info .mypy .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
