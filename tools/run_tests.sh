#!/usr/bin/env bash
# Build the environment if needed, then run the whole test suite; arguments go to pytest.
#
#   bash tools/run_tests.sh [--stack a|b] [PYTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stack=a
if [ "${1:-}" = --stack ]; then
    stack=${2:-}
    shift 2 || true
fi
exec bash tools/setup_env.sh --stack "$stack" python -m pytest "$@"
