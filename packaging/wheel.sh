#!/bin/sh
# packaging/wheel.sh build [FOLDER]   builds the wheel for manylinux 2.28 with the C library of zig (pip: maturin, ziglang)
# packaging/wheel.sh native [FOLDER]  the same for this machine's C library alone, from the usual target folder
# packaging/wheel.sh test WHEEL       installs it in a fresh environment, and runs the example that `segspec init` writes
set -eu
cd "$(dirname "$0")/.."
tools="${SEGSPEC_WHEEL_TOOLS:-$HOME/.cache/segspec/wheel-tools}"
tools() {
    [ -x "$tools/bin/maturin" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet maturin ziglang; }
    PATH="$tools/bin:$PATH"
}
case "${1:?build, native or test}" in
build)
    tools
    rustup target add x86_64-unknown-linux-gnu > /dev/null 2>&1 || true
    maturin build --release --zig --compatibility manylinux_2_28 --target x86_64-unknown-linux-gnu --out "${2:-dist}"
    ;;
native)
    tools
    maturin build --release --compatibility linux --out "${2:-dist}"
    ;;
test)
    wheel=$(realpath "${2:?wheel}")
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    started=$(date +%s)
    python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet "$wheel"
    installed=$(date +%s)
    # As a person without the repository does.
    mkdir "$place/study"
    cd "$place/study"
    "$place/venv/bin/segspec" init
    "$place/venv/bin/segspec" run experiments/phantom.toml --smoke
    "$place/venv/bin/python" -m segspec --version
    "$place/venv/bin/python" -c 'import segspec; segspec.run("experiments/phantom.toml", "--smoke"); print(segspec.program())'
    echo "installed in $((installed - started)) s, first run after $(($(date +%s) - installed)) s"
    ;;
*)
    echo "build, native or test" >&2
    exit 2
    ;;
esac
