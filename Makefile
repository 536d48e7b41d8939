# The front door. The build itself is meson.build; what is missing on the machine is installed from scripts/packages.txt.
BUILD    ?= build
PREFIX   ?= /usr/local
LIBDIR   ?= lib
WERROR   ?= false
ROWS     ?= 10000000
SANITIZE ?= address,undefined
SECONDS  ?= 600
SEED     ?= 1
WIRE     ?= 1
SETUP     = meson setup --prefix $(PREFIX) --libdir $(LIBDIR) -Dwerror=$(WERROR)

.PHONY: all demo figure check check-all check-debian check-faults check-planted check-portable check-readme check-sanitize check-thread check-valgrind \
        soak fuzz check-tidy wire bench bench-quick bench-growth install clean format help

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) weir

# Only an absent build directory asks for the packages: everything later is for ninja to notice.
$(BUILD)/build.ninja:
	@scripts/install-packages build
	@$(SETUP) $(BUILD)

demo: all
	@scripts/install-packages demo
	@ROWS=$(ROWS) scripts/demo $(BUILD)

# The figure of README.md, measured here and now.
figure: all
	@scripts/install-packages demo
	@ROWS=$(ROWS) scripts/demo $(BUILD) docs/memory.svg

check: $(BUILD)/build.ninja
	@scripts/install-packages build test
	@scripts/check $(BUILD)

# The Debian packages, built in a copy of the tree and looked at by lintian.
check-debian:
	@scripts/install-packages build packaging
	@scripts/check-debian

# Every test, the sanitizers, the analyzers, the Debian packages, samples under valgrind and by each compiler, the soak, the wire, all
# faults, planted bugs, and README.md's first steps. It takes hours.
check-all:
	@$(MAKE) check
	@$(MAKE) check-sanitize
	@$(MAKE) check-thread
	@$(MAKE) check-tidy
	@$(MAKE) check-debian
	@$(MAKE) check-valgrind
	@$(MAKE) check-portable
	@$(MAKE) soak
	@$(MAKE) check-faults
	@$(MAKE) check-planted
	@$(MAKE) wire
	@$(MAKE) check-readme

# README.md's first steps with its own make in a copy of the tree; `make check` takes the build that is there.
check-readme: $(BUILD)/build.ninja
	@scripts/install-packages build test
	@WEIR_README_MAKE=real tests/packaging/test_readme.sh $(BUILD) "" "" README.md "## From nothing to a Parquet file"

# Each allocation and each call of a disk fails once, and with all behind it; `make check` tries some of each scenario.
FAULTS = test_out_of_memory test_memory_rows test_memory_writes test_memory_files test_memory_tasks test_loading_memory test_orm_memory \
         test_unit_of_work_memory test_checkpoint_memory test_keyset_memory test_queue_memory test_advise_memory test_file_faults
check-faults: $(BUILD)/build.ninja
	@scripts/install-packages build test
	@WEIR_TEST_EVERY=1 scripts/check $(BUILD) --timeout-multiplier 20 $(FAULTS)

# Bugs planted into a copy of the tree, each of which a test must catch.
check-planted:
	@scripts/install-packages build test
	@scripts/check-planted

check-sanitize:
	@scripts/install-packages build test
	@[ -f build-sanitize/build.ninja ] || $(SETUP) -Db_sanitize=$(SANITIZE) -Db_lundef=false build-sanitize
	@scripts/check build-sanitize

# Not the checks of the house's rules: they run nothing of weir. What is slow under it alone gets more time: scripts/check.
check-thread:
	@scripts/install-packages build test
	@[ -f build-thread/build.ninja ] || $(SETUP) -Db_sanitize=thread -Db_lundef=false build-thread
	@scripts/check build-thread --no-suite house

# valgrind.h must be there when the sources are compiled: task stacks are told to valgrind by it.
check-valgrind:
	@scripts/install-packages build test valgrind
	@[ -f build-valgrind/build.ninja ] || $(SETUP) build-valgrind
	@scripts/check-valgrind build-valgrind

# gcc and clang, -O0 to -O3, link-time optimisation, without tasks, musl: built with warnings as errors, a sample of the tests run in each.
# KINDS: some of them, as scripts/check-portable names them.
check-portable:
	@scripts/install-packages build test portable musl
	@scripts/check-portable $(KINDS)

# What `make check` does for some seconds: threads and tasks that do everything at random, on both databases at once.
soak: $(BUILD)/build.ninja
	@scripts/install-packages build test
	@WEIR_SOAK_SECONDS=$(SECONDS) WEIR_SOAK_SEED=$(SEED) scripts/check $(BUILD) --suite soak --verbose --timeout-multiplier 0

# Inputs from strangers, at random, for SECONDS (60) each; TARGETS: some of the folders in tests/fuzz/corpus.
fuzz:
	@scripts/install-packages build test fuzz
	@SECONDS_EACH=$(if $(filter file,$(origin SECONDS)),60,$(SECONDS)) scripts/fuzz $(TARGETS)

# clang-tidy and gcc's analyzer; an hour of two cores the first time, then only what has changed.
check-tidy: $(BUILD)/build.ninja
	@scripts/install-packages build lint
	@scripts/check-tidy $(BUILD)

# What `make check` does at some bytes: programs whose connection is cut, stalled, garbled and so on at every WIRE-th byte, by SEED.
wire: $(BUILD)/build.ninja
	@scripts/install-packages build test
	@WEIR_WIRE=$(WIRE) WEIR_WIRE_SEED=$(SEED) scripts/check $(BUILD) --suite wire --verbose --timeout-multiplier 0

bench: all
	@scripts/install-packages bench
	@bench/run --build $(BUILD)

bench-quick: all
	@scripts/install-packages bench
	@bench/run --quick --build $(BUILD)

bench-growth: all
	@scripts/install-packages bench
	@bench/run --workload growth --build $(BUILD)

# A prefix that is given now counts, whatever the build directory was made with.
install: $(BUILD)/build.ninja
	@$(if $(filter-out file,$(origin PREFIX) $(origin LIBDIR)),meson configure $(BUILD) --prefix $(PREFIX) --libdir $(LIBDIR))
	@ninja -C $(BUILD) installed
	@meson install -C $(BUILD) --no-rebuild
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

clean:
	rm -rf build build-sanitize build-thread build-valgrind build-portable build-clang build-ci build-fuzz

format:
	clang-format -i $$(git ls-files '*.c')

help:
	@echo 'make                 installs what is missing, builds the release: build/weir and build/libweir.so'
	@echo 'make demo            exports a sample table of ROWS (10000000) invoices and shows time and memory'
	@echo 'make figure          draws docs/memory.svg, memory over ROWS (10000000) rows, streamed and buffered'
	@echo 'make check           runs every test, against real SQLite files and PostgreSQL servers of its own'
	@echo 'make check-all       the same, check-sanitize, check-thread and check-tidy, the Debian packages (check-debian: built in a copy of the tree,'
	@echo '                     looked at by lintian), samples under valgrind (check-valgrind) and by each compiler and for musl (check-portable),'
	@echo '                     the soak, the wire, all faults (check-faults), planted bugs (check-planted),'
	@echo "                     README.md's first steps in a copy (check-readme)"
	@echo 'make check-sanitize  the same with the address and undefined behaviour sanitizers, in build-sanitize/'
	@echo 'make check-thread    the same with the thread sanitizer, in build-thread/'
	@echo 'make check-valgrind  a sample of the tests, most in tasks, under valgrind, in build-valgrind/'
	@echo 'make check-portable  a sample with gcc and clang, -O0 to -O3, link-time optimisation, without tasks, musl; KINDS="gcc-O3 musl-no-tasks"'
	@echo 'make soak            32 threads and 200 tasks at random on a pool of 8 for SECONDS (600); SEED (1), BUILD (build)'
	@echo 'make wire            each fault of the network at every WIRE-th (1st) byte of a program; SEED (1), BUILD (build)'
	@echo 'make fuzz            libFuzzer on all that strangers may send, SECONDS (60) for each target'
	@echo "make check-tidy      clang-tidy and gcc's analyzer over src/ and cli/"
	@echo 'make bench           the benchmarks of docs/benchmarks.md (bench-quick: fewer rows and rounds, under two minutes)'
	@echo 'make bench-growth    streams over 10 thousand to 30 million rows: time and memory'
	@echo 'make install         into PREFIX (/usr/local), below DESTDIR if that is set'
	@echo 'make clean           removes the build directories'
	@echo 'make format          lays the sources out with clang-format'
