#!/usr/bin/env bash
# Train with several processes, one per GPU (without GPUs: on the CPU, through gloo).
#
#   bash tools/dist_train.sh CONFIG PROCESSES [OPTION OF tools/train.py...]
#
# Of several machines, run it on each: NNODES=2 NODE_RANK=0 MASTER_ADDR=first-machine PORT=29500.
# PYTHON names the interpreter; by default that of .venv, then python.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
config=$1 processes=$2
shift 2
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
    "$root/tools/train.py" "$config" --launcher pytorch "$@"
