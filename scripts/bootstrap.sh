#!/bin/sh
# For a bare machine: finds cargo, which brings all else. `scripts/bootstrap.sh doctor` is `cargo xtask doctor`.
set -eu

if ! command -v cargo >/dev/null 2>&1; then
    # Where rustup puts it, which a shell that was open before does not know yet.
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
fi
if ! command -v cargo >/dev/null 2>&1; then
    echo "Rust is missing: install it with rustup (rustup.rs) or with your system's package manager." >&2
    echo "Then run this again: cargo brings all else that TraceHub needs." >&2
    exit 3
fi

cd "$(dirname "$0")/.."
exec cargo xtask "$@"
