#!/usr/bin/env bash
# Build the environment if needed, then train, evaluate and draw a small DARK model on synthetic people.
# Arguments go to tools/quickstart.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec bash tools/setup_env.sh python tools/quickstart.py "$@"
