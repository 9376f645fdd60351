#!/usr/bin/env bash
# Measurements that need a GPU (the tables of docs/benchmarks.md):
#   benches/gpu/card.sh [DEVICE] [EPOCHS] [NAMES]
# 1. speed compared with PyTorch; 2. phantom and hippocampus in bf16 on the GPU and in f32 on the CPU; 3. one fold of nnU-Net's recipe
# compared with PyTorch, EPOCHS epochs of 250 steps. NAMES selects from `speed phantom hippocampus recipe`. SEGSPEC_DATA is the folder of
# the datasets; SEGSPEC_BENCH_PYTHON is a Python with torch, monai, nibabel, transformers, batchgeneratorsv2 and
# dynamic-network-architectures. `RECIPE=nnunet-hippocampus.small PRECISION=f32 card.sh cpu 1 recipe` tests the recipe without a GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."
device=${1:-cuda:0}
epochs=${2:-20}
names=${3:-speed phantom hippocampus recipe}
recipe=${RECIPE:-nnunet-hippocampus}
precision=${PRECISION:-bf16}
python=${SEGSPEC_BENCH_PYTHON:-python3}
features=$([ "$device" = cpu ] || echo "--features ${device%%:*}")
# shellcheck disable=SC2086
segspec() { cargo run --quiet --release $features -- "$@"; }

# Mean Dice of an experiment on a device: over cases, then over structures.
dice() {
    local experiment=$1 on=$2 numbers=$3
    segspec run "experiments/$experiment.toml" --device "$on" --json \
        --set "train.precision=$numbers" --set "run-root=runs/card/$on-$numbers" |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["trials"][0]["dice"]["mean"])'
}

compare() {
    local experiment=$1 there here
    there=$(dice "$experiment" "$device" bf16)
    here=$(dice "$experiment" cpu f32)
    "$python" -c 'import sys
name, device, there, here = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
print(f"{name}: Dice {there:.4f} on {device} in bf16, {here:.4f} on the CPU in f32, difference {there - here:+.4f}")
sys.exit(abs(there - here) > 0.01)' "$experiment" "$device" "$there" "$here"
}

for name in $names; do
    case $name in
    speed)
        # shellcheck disable=SC2086
        cargo bench --quiet $features --bench gpu
        ;;
    recipe)
        root="runs/card/recipe-$epochs-$precision"
        segspec run "experiments/$recipe.toml" --fold 0 --device "$device" --set "train.epochs=$epochs" \
            --set train.validate-every=0 --set "train.precision=$precision" --set "run-root=$root"
        "$python" benches/peer/recipe.py "$root/$recipe"/*/ --device "${device%%:*}"
        ;;
    *) compare "$name" ;;
    esac
done
