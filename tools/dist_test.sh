#!/usr/bin/env bash
# Evaluate with several processes, one per GPU (without GPUs: on the CPU, through gloo).
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [OPTION OF tools/test.py...]
#
# Of several machines, run it on each: NNODES=2 NODE_RANK=0 MASTER_ADDR=first-machine PORT=29500.
# PYTHON names the interpreter; by default that of .venv, then python.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
config=$1 checkpoint=$2 processes=$3
shift 3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    if [ -x "$root/.venv/bin/python" ]; then PYTHON=$root/.venv/bin/python; fi
fi
if [ "${NNODES:-1}" -gt 1 ] || [ -n "${PORT:-}" ]; then
    meeting=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}")
else
    meeting=(--standalone) # finds a free port, so that several runs fit on a machine
fi
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON" -m torch.distributed.run \
    "${meeting[@]}" --nproc_per_node="$processes" \
    "$root/tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
