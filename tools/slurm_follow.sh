#!/usr/bin/env bash
# bash tools/slurm_follow.sh JOB LOG: show the log of a batch job until the job ends, and exit as it did. Ctrl-C cancels it.
set -uo pipefail
job=$1 log=$2
echo "job $job, log $log"
trap 'scancel "$job"; exit 130' INT TERM HUP
tail --lines=+1 --follow=name --retry "$log" 2>/dev/null &
tail=$!
while [ -n "$(squeue --noheader --jobs="$job" --format=%i 2>/dev/null)" ]; do
    sleep "${SLURM_FOLLOW_SECONDS:-5}" &
    wait $!
done
sleep 1 # the end of the log
kill "$tail" 2>/dev/null
wait "$tail" 2>/dev/null
shown=$(scontrol show job -o "$job")
[[ $shown =~ JobState=([A-Z_]+).*\ ExitCode=([0-9]+):([0-9]+) ]] || exit 1
state=${BASH_REMATCH[1]} code=${BASH_REMATCH[2]}
echo "job $job: $state"
if [ "$state" = COMPLETED ]; then exit 0; fi
exit $((code > 0 ? code : 1))
