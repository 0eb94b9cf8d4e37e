# Numbered, stamped steps with progress and logs. Sourced by tools/setup_env.sh, which sets STEP_NAMES, STAMPS and LOGS.

TICK_SECONDS=${TICK_SECONDS:-15}

minutes() { # SECONDS: as text
    if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# fingerprint FILE... [-- WORD...]: a checksum of contents and words, the value of a stamp.
fingerprint() {
    local files=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        files+=("$ROOT/$1")
        shift
    done
    { [ ${#files[@]} -eq 0 ] || cat "${files[@]}"; echo "$*"; } | cksum
}

is_stamped() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; } # NAME FINGERPRINT

# step_label NAME: its number, such as [3/9]; every line of a step starts with it, because steps run side by side.
step_label() {
    local name number=0
    for name in $STEP_NAMES; do
        number=$((number + 1))
        if [ "$name" = "$1" ]; then break; fi
    done
    echo "[$number/$(wc -w <<<"$STEP_NAMES" | tr -d ' ')]"
}

# progress_pip / progress_mmcv LOG: one word on how far the running step is.
progress_pip() { tail -n 1 "$1" | cut -c 1-90; }

progress_mmcv() {
    local objects
    objects=$(find "$TMPDIR" -path '*mmcv*' -name '*.o' 2>/dev/null | wc -l | tr -d ' ')
    if [ "$objects" -gt 0 ]; then
        echo "$objects of $MMCV_OBJECTS files compiled"
    elif [ ! -e "$TMPDIR/headers/result" ] && [ -n "$(find "$TMPDIR/headers" -name '*.hpp' 2>/dev/null)" ]; then
        echo "precompiling torch's headers"
    else
        progress_pip "$1"
    fi
}

# explain_failure TITLE LOG: read the step's log, say what went wrong and what to do.
explain_failure() {
    local title=$1 log=$2
    log_has() { grep -E "$1" "$log" >/dev/null; }
    # the most telling reason first: a full disk also breaks compilers, a missing network also loses versions
    if log_has 'No space left on device|Errno 28|Disk quota exceeded'; then
        fail "$title: the disk is full ($(df -Pk "$ROOT" | awk 'NR == 2 { print int($4 / 1024) }') MB free in $ROOT)." \
            "Make room there: a complete environment takes about $DISK_GB GB while it is installed."
    elif log_has 'Killed signal|signal 9|Cannot allocate memory|MemoryError|out of memory'; then
        fail "$title: the machine ran out of memory." "Compile with fewer processes: MAX_JOBS=1 bash tools/..."
    elif log_has 'Failed to establish|NewConnectionError|NameResolutionError|Failed to resolve|Connection refused' ||
        log_has 'timed out|ProxyError|SSLError|Connection aborted|Network is unreachable|ConnectionError'; then
        fail "$title: the package index cannot be reached." \
            "Check the network and pip's settings (pip config list; HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT)."
    elif log_has 'No matching distribution found'; then
        fail "$title: $(grep -E 'No matching distribution found' "$log" | tail -n 1 | sed 's/^ERROR: //')." \
            "The package index in use lacks this version for this Python and machine; the pins are in requirements/pinned/."
    fi
    echo >&2
    tail -n 25 "$log" >&2
    fail "$title: see the lines above." "The whole log: $log"
}

# step NAME FINGERPRINT TITLE PROGRESS COMMAND...: run it once; later starts pass over it until its fingerprint changes.
step() {
    local name=$1 print=$2 title=$3 progress=$4 label begin log pid waited=0
    shift 4
    if is_stamped "$name" "$print"; then return; fi
    rm -f "$STAMPS/$name" "$STAMPS/ready"
    label=$(step_label "$name")
    log=$LOGS/$name.log
    echo "$label $title"
    begin=$SECONDS
    echo "=== $title ($(date))" >"$log"
    set -m # a process group of its own, so that an interrupt can end all of it
    (
        trap 'times >"$LOGS/$name.times"' EXIT
        "$@"
    ) >>"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    set +m
    trap 'kill -TERM -- "-$pid" 2>/dev/null; interrupted' INT TERM HUP
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2 # short, so that a step of a second does not take fifteen
        waited=$((waited + 1))
        if [ $((waited % (TICK_SECONDS * 5))) -eq 0 ]; then
            echo "$label ... $(minutes $((SECONDS - begin))): $($progress "$log")"
        fi
    done
    wait "$pid" || explain_failure "$title" "$log"
    trap - INT TERM HUP
    echo "$print" >"$STAMPS/$name"
    echo "$((SECONDS - begin)) $(cpu_seconds "$name") $title" >"$LOGS/$name.seconds"
    echo "$label done in $(minutes $((SECONDS - begin)))"
}

# interrupted: leave, and say so once, not in every function that runs side by side.
interrupted() {
    [ -n "${IS_PARALLEL:-}" ] || printf '\nInterrupted. The next start continues.\n' >&2
    exit 130
}

# cpu_seconds NAME: of all processes of a step, from what the shell's builtin `times` wrote.
cpu_seconds() {
    tr ' ' '\n' <"$LOGS/$1.times" | awk -F '[ms]' '{ sum += $1 * 60 + $2 } END { printf "%d\n", sum + 0.5 }'
}

# side_by_side FUNCTION...: run functions that consist of steps at the same time. The first failure ends all of them.
side_by_side() {
    local function pids=() running pid failed=''
    for function in "$@"; do
        (
            IS_PARALLEL=1
            "$function"
        ) &
        pids+=($!)
    done
    trap 'kill -TERM "${pids[@]}" 2>/dev/null; wait; interrupted' INT TERM HUP
    while [ ${#pids[@]} -gt 0 ] && [ -z "$failed" ]; do
        sleep 0.2
        running=()
        for pid in "${pids[@]}"; do
            if kill -0 "$pid" 2>/dev/null; then
                running+=("$pid")
            else
                wait "$pid" || failed=1
            fi
        done
        pids=(${running[@]+"${running[@]}"})
    done
    if [ -n "$failed" ]; then
        if [ ${#pids[@]} -gt 0 ]; then kill -TERM "${pids[@]}" 2>/dev/null || true; fi
        wait
        exit 1
    fi
    trap - INT TERM HUP
}

# summary: the seconds of each step that this start has run.
summary() {
    local name wall cpu title
    echo 'Where the time went (wall clock, processor time):'
    for name in $STEP_NAMES; do
        [ -f "$LOGS/$name.seconds" ] || continue
        read -r wall cpu title <"$LOGS/$name.seconds"
        printf '  %4d s %4d s  %s\n' "$wall" "$cpu" "$title"
    done
}
