# What can be done here. What takes more than a line is under scripts/.
PREFIX ?= /usr/local
SECONDS ?= 300
TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN = $(DESTDIR)$(PREFIX)/bin
HOOKS = $(DESTDIR)$(PREFIX)/share/ampoule/hooks.d
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system

help: ## Show this menu
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

deps: ## Install what the tests need beyond Rust: Debian's packages, cargo-deny, packages of Node
	scripts/deps.sh
build: ## Build ampoule, and ampoule-shim as a static program, into target/release
	scripts/build.sh
demo: deps build ## Store a secret, start a container that asks for it, search for it elsewhere
	tests/demo.sh $(TARGET)/release
test: deps lint ## Run everything that a change must pass
	scripts/test.sh
bench: build ## Measure, beside PostgreSQL on the same disk
	scripts/deps.sh bench
	cargo bench --locked --workspace --bench '*'
fuzz: ## Fuzz every target for SECONDS (300)
	scripts/fuzz.sh $(SECONDS)
lint: ## Check format, lints, documentation links and dependencies
	scripts/lint.sh
audit: ## Look the dependencies up in the advisory database, which is fetched
	PATH="$$PATH:$(TARGET)/tools/bin" cargo deny check advisories
install: ## Copy what was built, the units for systemd and the hook, to PREFIX (/usr/local), below DESTDIR
	install -D -m 0755 -t $(BIN) $(TARGET)/release/ampoule $(TARGET)/release/ampoule-shim
	for runtime in runc crun youki; do ln -sfn ampoule-shim $(BIN)/ampoule-$$runtime; done
	ln -sfn ampoule-shim $(BIN)/ampoule-hook
	ln -sfn ampoule $(BIN)/devbox
	install -D -m 0644 -t $(HOOKS) packaging/ampoule-hook.json
	sed -i 's|/usr/local/|$(PREFIX)/|' $(HOOKS)/ampoule-hook.json
	install -D -m 0644 -t $(UNITS) packaging/ampoule.service packaging/ampoule.socket
	sed -i 's|/usr/local/|$(PREFIX)/|' $(UNITS)/ampoule.service

.PHONY: help deps build demo test bench fuzz lint audit install
.NOTPARALLEL:
