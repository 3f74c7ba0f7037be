#!/usr/bin/env bash
# Proves what deny.toml says of the dependencies, and that each is used.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_dependency_tools
cp Cargo.lock "$work/Cargo.lock"
step "Dependencies"
prove "cargo deny check" cargo deny --locked check --deny warnings bans licenses sources
# The metadata say what a crate is called in code, where its name differs.
prove "cargo machete" cargo machete --with-metadata
prove "Cargo.lock is as it was" cmp Cargo.lock "$work/Cargo.lock"
summary
