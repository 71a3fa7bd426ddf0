#!/bin/sh
# Stands before the compiler for our own crates (RUSTC_WORKSPACE_WRAPPER): compiles them so that
# libFuzzer sees which branches an input takes and what it is compared with, as cargo-fuzz does
# without a sanitizer. Dependencies are compiled as always and shared with every other build; what
# of them is generic is compiled where it is used, which is here.
set -e
debug=on
case " $* " in
*" --crate-name build_script_"* | *" --crate-type proc-macro "*) exec "$@" ;;
# The program itself: libFuzzer has its entry and calls ours.
*" --crate-name fuzz "*) set -- "$@" -Lnative="$MUSTER_LIBFUZZER" -lstatic=fuzzer -lstdc++ ;;
# What embeds the dashboard asks its own library for what that has in debug builds only.
*" --crate-name muster_node "*) debug=off ;;
*" --crate-name "*) ;;
*) exec "$@" ;;
esac
exec "$@" \
    -Copt-level=1 -Ccodegen-units=16 -Cdebug-assertions=$debug -Coverflow-checks=on \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
