# Needs git, make and Python 3.11 or 3.12; everything else goes into .venv.
# Behind a proxy or with another package index: set it up the usual pip way (pip.conf, PIP_INDEX_URL).
export PATH := $(CURDIR)/.venv/bin:$(PATH)
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help env run test test-slow client-test kotlin-test backends-test voc-test executorch executorch-test fuzz mongo lint deps reproduce lock

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

env: $(READY)  ## the environment, in .venv

$(READY): requirements.lock pyproject.toml
	@set -e; for python in $(PYTHON) python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then break; fi; \
	  python=; done; \
	if [ -z "$$python" ]; then echo "make: no Python 3.11 or 3.12 found; install one, or name it: make env PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	echo "Building .venv with $$($$python --version)"; $$python -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

run: $(READY)  ## the main job: data in, report and phone bundle out
	dvc repro
	@pocketdet status

test: $(READY) lint  ## all quick checks and tests
	python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-slow: $(READY)  ## the tests that take minutes
	python -m pytest -m slow

client-test: $(READY) .venv-client/.ready  ## hold MediaPipe's detections against ours, after `make run`
	POCKETDET_CLIENT=.venv-client/bin/python python -m pytest -q -s -m slow tests/client

.venv-client/.ready:
	@echo "Building .venv-client: MediaPipe, which shares no environment with the pipeline"
	.venv/bin/python -m venv .venv-client
	.venv-client/bin/python -m pip install --quiet mediapipe==1.2.2
	@touch $@

backends-test: $(READY) .venv-backends/.ready  ## a step is the same under TensorFlow, JAX and PyTorch; so is training under JAX
	POCKETDET_BACKENDS=.venv-backends/bin/python python -m pytest -q -m slow \
	  tests/pocketdet/detector/test_backends.py tests/pocketdet/training/backends

.venv-backends/.ready:
	@echo "Building .venv-backends: JAX and PyTorch, which the pipeline does without"
	.venv/bin/python -m venv .venv-backends
	.venv-backends/bin/python -m pip install --quiet keras==3.15.1 jax torch numpy pydantic pillow \
	  albumentations==2.0.8 opencv-python-headless pyyaml safetensors
	@touch $@

voc-test: $(READY) .venv-voc/.ready  ## `pocketdet fetch voc-2012`, which goes through torchvision
	.venv-voc/bin/python -m pytest -q tests/pocketdet/sources

.venv-voc/.ready:
	@echo "Building .venv-voc: torchvision and PyTorch, on top of .venv"
	.venv/bin/python -m venv .venv-voc
	.venv/bin/python -c 'import site; print(site.getsitepackages()[0])' \
	  > .venv-voc/lib/$$(ls .venv/lib)/site-packages/pipeline.pth
	.venv-voc/bin/python -m pip install --quiet -e '.[voc]' torch===2.13.0
	@touch $@

executorch: $(READY) .venv-executorch/.ready  ## the trained net as .pte files, compared and timed, after `make run`
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch .venv-executorch/bin/python -m tasks.executorch

executorch-test: $(READY) .venv-executorch/.ready  ## what .pte files must be, on a tiny net; no run needed
	POCKETDET_EXECUTORCH=.venv-executorch/bin/python python -m pytest -q -m slow tests/pocketdet/exporting/test_executorch.py

.venv-executorch/.ready:
	@echo "Building .venv-executorch: ExecuTorch and PyTorch, which take more room than the pipeline"
	.venv/bin/python -m venv .venv-executorch
	.venv-executorch/bin/python -m pip install --quiet executorch==1.5.1 torch==2.13.0 keras==3.15.1 \
	  ai-edge-litert==2.3.0 pycocotools==2.0.11 numpy pillow pydantic safetensors
	@touch $@

kotlin-test: $(READY) .venv-kotlin/.ready  ## compile the bundle's Kotlin code and try it; needs Java 17
	POCKETDET_KOTLIN=.venv-kotlin python -m pytest -q -m slow tests/pocketdet/appcode

# The one place in the package index that holds Kotlin's compiler.
.venv-kotlin/.ready:
	.venv/bin/python -m pip download --quiet --no-deps -d .venv-kotlin kotlin-jupyter-kernel==0.19.0.944
	cd .venv-kotlin && $(CURDIR)/.venv/bin/python -m zipfile -e *.whl . && rm *.whl
	@touch $@

reproduce: $(READY)  ## show that DVC and Prefect, in two clones, give the same bytes
	python -m pytest -m slow tests/test_reproduce.py

fuzz: $(READY)  ## try to break each annotation reader for 10 minutes; FUZZ=30 for less
	FUZZ_SECONDS=$(or $(FUZZ),600) python -m pytest -s tests/fuzz

mongo: $(READY)  ## a MongoDB on loopback, for `pocketdet explore` where FiftyOne has none
	python -m pocketdet.analysis.mongo

lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	lint-imports --cache-dir .mypy_cache/lint-imports
	python -m flows.deps --check

deps: $(READY)  ## rewrite the code dependencies in dvc.yaml from the imports
	python -m flows.deps

lock: $(READY)  ## resolve pyproject.toml anew into requirements.lock
	python -m pip install --quiet uv
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --extra pipeline --extra dev pyproject.toml -o requirements.lock
