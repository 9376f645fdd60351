#!/bin/sh
# `fuzz/run.sh [FILES [libfuzzer [SECONDS]]]`: changed files for every reader (100,000 each by default), and what became of them. With
# `libfuzzer` as second word, libFuzzer then runs as many inputs on each target, or as many as take the seconds, and prints its coverage;
# needs `rustup toolchain install nightly`. Faulty files are kept in fuzz/found/.
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
readers="nifti nrrd dicom segments contours frames pictures surfaces runs names"
# `mutate` has no libFuzzer to link with.
RUSTFLAGS=$flags cargo +nightly build --release --features libfuzzer --target x86_64-unknown-linux-gnu $(printf -- ' --bin %s' $readers)
mkdir -p found
for reader in $readers; do
    nice "$target/x86_64-unknown-linux-gnu/release/$reader" -runs="$files" -max_total_time="${3:-0}" -max_len=65536 -timeout=10 -rss_limit_mb=4096 -seed=1 \
        -artifact_prefix="found/$reader-" -print_final_stats=1 "corpus/$reader" 2>&1 |
        grep -E '(INITED|DONE) +cov:|stat::(number_of_executed_units|peak_rss_mb)|SUMMARY' | tail -5 | sed "s/^/$reader: /"
done
