#!/bin/sh
# Changed files for every reader: `fuzz/run.sh [FILES]` (100,000 each by default) prints what became of them. With `libfuzzer` as second
# word, libFuzzer then runs as many inputs on each target of the image readers and prints its coverage; needs `rustup toolchain install nightly`.
# Faulty files are kept in fuzz/found/.
set -eu
cd "$(dirname "$0")"
files=${1:-100000}
cargo build --release --bin mutate
target=${CARGO_TARGET_DIR:-target}
nice "$target/release/mutate" --count "$files"
# The reader of specs needs the whole program, and is a test of it.
(cd .. && SEGSPEC_FUZZ="$files" cargo test --release --test it -- --ignored --nocapture mutated_specs)
[ "${2:-}" = libfuzzer ] || exit 0

"$target/release/mutate" --seeds corpus
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
RUSTFLAGS=$flags cargo +nightly build --release --features libfuzzer --target x86_64-unknown-linux-gnu --bins
for reader in nifti nrrd dicom segments frames pictures surfaces runs; do
    mkdir -p found
    nice "$target/x86_64-unknown-linux-gnu/release/$reader" -runs="$files" -max_len=65536 -timeout=10 -rss_limit_mb=4096 \
        -artifact_prefix="found/$reader-" -print_final_stats=1 "corpus/$reader" 2>&1 |
        grep -E 'DONE|cov:.*(INITED|DONE)|stat::(number_of_executed_units|peak_rss_mb)|SUMMARY' | tail -4 | sed "s/^/$reader: /"
done
