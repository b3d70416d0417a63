# Every command makes its own virtual environment in .venv, with the versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/default
RHYTHM ?= runs/rhythm/rhythm.keras
MODEL ?= $(RUN)/stage6/model

.PHONY: help demo test lint train train-rhythm evaluate evaluate-rhythm tables performance soak gallery release release-rhythm figures clean

help:  ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

.venv/serve: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/train: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,test]'
	@touch $@ .venv/serve

demo: .venv/serve  ## Show a simulated heart live; SECONDS=20 ends it by itself
	$(BIN)/qrstream demo $(if $(SECONDS),--seconds $(SECONDS))

test: .venv/train  ## Run the tests
	$(BIN)/python -m pytest

lint: .venv/train  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

train: .venv/train  ## Train the default model into RUN (resumes where it stopped)
	$(BIN)/python -m models.recipe --out $(RUN)

train-rhythm: .venv/train  ## Train the rhythm network beside RHYTHM (resumes where it stopped)
	$(BIN)/python -m models.rhythm.train --out $(dir $(RHYTHM))

evaluate: .venv/train  ## Measure the released model on the validation patients; needs the databases
	$(BIN)/python -m tools.evaluate

evaluate-rhythm: .venv/train  ## Measure the rhythms of the released model on the validation patients
	$(BIN)/python -m tools.evaluate_rhythm

.venv/peers: .venv/train
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,test,peers]'
	@touch $@

tables: .venv/peers  ## Measure every table of docs/accuracy.md and docs/rhythm.md, peers beside it
	$(BIN)/python -m tools.evaluate --out docs/tables/validation.json
	$(BIN)/python -m tools.compare_peers --out docs/tables/peers.json
	$(BIN)/python -m tools.drift --out docs/tables/drift.json
	$(BIN)/python -m tools.evaluate_rhythm --out docs/tables/rhythm.json
	$(BIN)/python -m tools.report

performance: .venv/peers  ## Measure every table of docs/performance.md but the day, on an idle machine
	$(BIN)/python -m tools.performance --out docs/tables/performance.json
	$(BIN)/python -m tools.latency_picture
	$(BIN)/python -m tools.report

soak: .venv/train  ## Send a day of signal through a service
	$(BIN)/python -m tools.soak --out docs/tables/soak.json
	$(BIN)/python -m tools.report

gallery: .venv/train  ## Train, score and draw the designs of docs/gallery.md (goes on where it stopped)
	$(BIN)/python -m models.gallery
	$(BIN)/python -m tools.release_gallery
	$(BIN)/python -m tools.report

release: .venv/train  ## Make MODEL the released one, with its measured figures on the card
	$(BIN)/python -m tools.release $(MODEL)

release-rhythm: .venv/train  ## Put RHYTHM into the released model, with its measured figures on the card
	$(BIN)/python -m tools.release_rhythm $(RHYTHM)

figures: .venv/train  ## Draw every picture anew; those of the accuracy need the databases
	$(BIN)/python -m tools.picture
	$(BIN)/python -m tools.figures
	$(BIN)/python -m tools.rhythm_figures

clean:  ## Remove what make has made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
