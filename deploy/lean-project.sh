#!/bin/bash
# Makes the Lean project of the image in the working directory, and records what `lake env` sets there:
#   lean-project LEAN_VERSION MATHLIB_VERSION ENVIRONMENT_FILE
# Without a Mathlib version, the project has no dependencies.
set -euo pipefail
lean=leanprover/lean4:$1 mathlib=$2 environment=$3

echo "$lean" > lean-toolchain
echo 'name = "proofs"' > lakefile.toml
if [ -n "$mathlib" ]; then
    printf '[[require]]\nname = "mathlib"\ngit = "https://github.com/leanprover-community/mathlib4"\nrev = "%s"\n' \
        "$mathlib" >> lakefile.toml
    MATHLIB_NO_CACHE_ON_UPDATE=1 lake update
    wanted=$(cat .lake/packages/mathlib/lean-toolchain)
    if [ "$wanted" != "$lean" ]; then
        echo "Mathlib $mathlib is for $wanted, not $lean: set LEAN_VERSION and MATHLIB_VERSION to fit" >&2
        exit 1
    fi
    lake exe cache get
    # Gigabytes of history that nothing needs any more.
    find .lake/packages -maxdepth 2 -name .git -exec rm -rf {} +
fi

# deploy/lake.sh sets these again; PATH is left to the container.
lake env sh -c 'export -p' | grep -E '^export (LEAN_PATH|LEAN_SRC_PATH|LEAN_SYSROOT|LD_LIBRARY_PATH)=' > "$environment"
grep -q '^export LEAN_SYSROOT=' "$environment"
