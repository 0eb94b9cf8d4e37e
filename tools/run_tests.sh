#!/usr/bin/env bash
# Build the environment if needed, then run the whole test suite; arguments go to pytest.
#
#   bash tools/run_tests.sh [--stack a|b] [PYTEST ARGUMENT...]
#
# Without arguments the files of the suite are shared among processes: one for each core and 4 GB of free memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stack=a
if [ "${1:-}" = --stack ]; then
    stack=${2:-}
    shift 2 || true
fi
if [ $# -eq 0 ]; then
    processes=$(getconf _NPROCESSORS_ONLN)
    room=$(awk '/MemAvailable/ { print int($2 / 4194304) }' /proc/meminfo 2>/dev/null || echo "$processes")
    [ "${room:-$processes}" -ge "$processes" ] || processes=$room
    [ "$processes" -ge 1 ] || processes=1
    # in the order of tests/conftest.py
    set -- -n "$processes" --dist loadfile --no-loadscope-reorder
fi
exec bash tools/setup_env.sh --stack "$stack" python -m pytest "$@"
