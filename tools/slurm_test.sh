#!/usr/bin/env bash
# Evaluate under Slurm: one process per GPU, or on a partition without GPUs.
#
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [PROCESSES=1] [SRUN_ARGS=...] \
#       bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [OPTION OF tools/test.py...]
#
# GPUS=0, the default where the partition has none, evaluates with PROCESSES processes on the CPUs of one node.
# PYTHON names the interpreter; by default that of .venv, then python.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
partition=$1 job_name=$2 config=$3 checkpoint=$4
shift 4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    if [ -x "$root/.venv/bin/python" ]; then PYTHON=$root/.venv/bin/python; fi
fi
export PYTHON PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
if [ -z "${GPUS:-}" ]; then
    GPUS=0
    if sinfo --noheader --partition="$partition" --format=%G | grep -q gpu; then GPUS=8; fi
fi
cpus=${CPUS_PER_TASK:-5} processes=${PROCESSES:-1}
if [ "$GPUS" -gt 0 ]; then
    # fewer GPUs than a machine has: all on one machine
    per_node=${GPUS_PER_NODE:-8}
    if [ "$GPUS" -lt "$per_node" ]; then per_node=$GPUS; fi
    resources=(--gres="gpu:$per_node" --ntasks="$GPUS" --ntasks-per-node="$per_node" --cpus-per-task="$cpus")
    program=("$PYTHON" -u "$root/tools/test.py" "$config" "$checkpoint" --launcher slurm)
else
    cpus=${CPUS_PER_TASK:-1}
    resources=(--nodes=1 --ntasks=1 --cpus-per-task="$((processes * cpus))")
    program=("$PYTHON" -u "$root/tools/test.py" "$config" "$checkpoint")
    if [ "$processes" -gt 1 ]; then program=(bash "$root/tools/dist_test.sh" "$config" "$checkpoint" "$processes"); fi
fi
# shellcheck disable=SC2086  # SRUN_ARGS holds several arguments
exec srun --partition="$partition" --job-name="$job_name" "${resources[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${program[@]}" "$@"
