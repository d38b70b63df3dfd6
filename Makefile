# The ways in. Each target first sees to what the machine lacks, then is one line of `cargo vellum`.
# ARGS adds options:  make run ARGS='--arch aarch64'

.PHONY: run test bench check mutants soak setup

run: setup
	@cargo vellum run $(ARGS)

test: setup
	@cargo vellum test --all $(ARGS)

bench: setup
	@cargo vellum bench $(ARGS)

check: setup
	@cargo vellum check $(ARGS)

mutants: setup
	@cargo vellum mutants $(ARGS)

soak: setup
	@cargo vellum soak $(ARGS)

setup:
	@sh qemu/setup.sh
