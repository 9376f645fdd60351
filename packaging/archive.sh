#!/bin/sh
# packaging/archive.sh [TARGET] [FOLDER] [PROGRAM]   packs the program that `packaging/wheel.sh build` left in the target folder, with manual
# pages, completions and licences, under the name by which cargo-binstall looks for it (`package.metadata.binstall` in Cargo.toml)
set -eu
cd "$(dirname "$0")/.."
target="${1:-x86_64-unknown-linux-gnu}"
folder="${2:-dist}"
program="${3:-${CARGO_TARGET_DIR:-target}/$target/release/segspec}"
version=$("$program" --version | cut -d ' ' -f 2)
name="segspec-$version-$target"
mkdir -p "$folder"
# In the folder itself, so that the last step only gives the archive its name.
place=$(mktemp -d "$folder/.tmp-XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/$name/completions" "$place/$name/man"
cp "$program" "$place/$name/segspec"
cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$place/$name"
"$program" completions --man "$place/$name/man"
for shell in bash zsh fish; do
    "$program" completions "$shell" > "$place/$name/completions/segspec.$shell"
done
tar -C "$place" --owner 0 --group 0 --numeric-owner --sort name -czf "$place/archive" "$name"
mv "$place/archive" "$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
