#!/usr/bin/env bash
# The batch script of tools/slurm_train.sh: runs a training as a step of the job, and puts the job back into the queue if
# Slurm preempts it. Before it does, Slurm sends SIGTERM to the step, and the training saves its state.
set -uo pipefail
resume=()
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then resume=(--resume); fi
srun --kill-on-bad-exit=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" "$@" ${resume[@]+"${resume[@]}"}
status=$?
# during the grace time of a preempted job its state is still that of a running one
shown=$(scontrol show job -o "$SLURM_JOB_ID")
if [ "$status" -ne 0 ] && [[ "$shown" == *PreemptTime=2* && "$shown" == *JobState=RUNNING* ]]; then
    echo "Slurm preempts job $SLURM_JOB_ID; it is requeued"
    scontrol requeue "$SLURM_JOB_ID" && sleep 300
fi
exit "$status"
