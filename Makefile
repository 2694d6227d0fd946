# make demo   bring up a small cloud on this machine, converge it, empty a hypervisor and switch it off
# make test   every test, with real libvirt, QEMU and NFS
# make test-long  the same without the lab, with 200,000 steps of random lives instead of 10,000
# make bench  the time of a pass, over the least that any program needs
# make check  format, lint, types and the quick tests
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON := .venv/bin/python

.PHONY: demo test test-quick test-long bench check format clean

demo:
	@.ci/setup
	@$(SUDO) docs/demo.sh

test: check
	@$(SUDO) $(PYTHON) -m pytest -q -n 2 --dist loadfile -m lab -p no:cacheprovider tests

test-long:
	@.ci/setup dev
	$(PYTHON) -m pytest -q -n 2 -m "not lab" --lives 5000 tests

test-quick:
	@.ci/setup dev
	$(PYTHON) -m pytest -q -n 2 -m "not lab" --lives 250 tests

check: test-quick
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy reconciler
	.venv/bin/lint-imports

bench:
	@.ci/setup dev
	@$(SUDO) $(PYTHON) -m tests.bench

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

clean:
	rm -rf .venv .demo build dist *.egg-info
