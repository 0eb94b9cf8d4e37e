#!/usr/bin/env bash
# Train under Slurm: one process per GPU, or on a partition without GPUs.
#
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [PROCESSES=1] [SRUN_ARGS=...] \
#       bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [OPTION OF tools/train.py...]
#
# GPUS=0, the default where the partition has none, trains with PROCESSES processes on the CPUs of one node.
# The script shows the log of the job and ends with it; Ctrl-C cancels the job. A job that Slurm preempts is put back
# into the queue and resumes by itself. SRUN_ARGS holds further options of sbatch, such as --time=1-0.
# PYTHON names the interpreter; by default that of .venv, then python.
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
partition=$1 job_name=$2 config=$3 work_dir=$4
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
    program=("$PYTHON" -u "$root/tools/train.py" "$config" --launcher slurm)
else
    cpus=${CPUS_PER_TASK:-1}
    resources=(--nodes=1 --ntasks=1 --cpus-per-task="$((processes * cpus))")
    program=("$PYTHON" -u "$root/tools/train.py" "$config")
    if [ "$processes" -gt 1 ]; then program=(bash "$root/tools/dist_train.sh" "$config" "$processes"); fi
fi
mkdir -p "$work_dir"
# shellcheck disable=SC2086  # SRUN_ARGS holds several arguments
job=$(sbatch --parsable --partition="$partition" --job-name="$job_name" "${resources[@]}" --requeue --open-mode=append \
    --output="$work_dir/slurm-%j.log" ${SRUN_ARGS:-} \
    "$root/tools/slurm_job.sh" "${program[@]}" --work-dir "$work_dir" "$@")
job=${job%%;*}
exec bash "$root/tools/slurm_follow.sh" "$job" "$work_dir/slurm-$job.log"
