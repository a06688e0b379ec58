#!/bin/sh
# What the farm runs as `lake` in the Lean image. The real one looks at git checkouts, locks and time stamps before it
# answers `env`, which fails on a read-only root and would tell nothing new: what it said at build is kept.
set -eu
# shellcheck source=/dev/null
. /opt/lean/environment
if [ "${1:-}" = env ]; then
    shift
    exec "$@"
fi
exec "$LEAN_SYSROOT/bin/lake" "$@"
