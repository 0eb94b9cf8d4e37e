# Numbered, stamped steps with progress and a log. Sourced by tools/setup_env.sh.

TICK_SECONDS=${TICK_SECONDS:-15}
step_number=0

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

# progress_pip / progress_mmcv: one word on how far the running step is.
progress_pip() { tail -n 1 "$LOG" | cut -c 1-90; }

progress_mmcv() {
    local objects
    objects=$(find "$TMPDIR" -name '*.o' 2>/dev/null | wc -l)
    if [ "$objects" -eq 0 ]; then progress_pip; else echo "$objects of $MMCV_OBJECTS files compiled"; fi
}

step_log() { tail -n "+$((step_log_start + 1))" "$LOG"; } # the part of the log that belongs to the running step

log_has() { step_log | grep -E "$1" >/dev/null; } # PATTERN; not grep -q, which would end the pipe too early

# explain_failure TITLE: read the step's log, say what went wrong and what to do.
explain_failure() {
    # the most telling reason first: a full disk also breaks compilers, a missing network also loses versions
    if log_has 'No space left on device|Errno 28|Disk quota exceeded'; then
        fail "$1: the disk is full ($(df -Pk "$ROOT" | awk 'NR == 2 { print int($4 / 1024) }') MB free in $ROOT)." \
            "Make room there: a complete environment takes about $DISK_GB GB while it is installed."
    elif log_has 'Killed signal|signal 9|Cannot allocate memory|MemoryError|out of memory'; then
        fail "$1: the machine ran out of memory." "Compile with fewer processes: MAX_JOBS=1 bash tools/..."
    elif log_has 'Failed to establish|NewConnectionError|NameResolutionError|Failed to resolve|Connection refused' ||
        log_has 'timed out|ProxyError|SSLError|Connection aborted|Network is unreachable|ConnectionError'; then
        fail "$1: the package index cannot be reached." \
            "Check the network and pip's settings (pip config list; HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT)."
    elif log_has 'No matching distribution found'; then
        fail "$1: $(step_log | grep -E 'No matching distribution found' | tail -n 1 | sed 's/^ERROR: //')." \
            "The package index in use lacks this version for this Python and machine; the pins are in requirements/pinned/."
    fi
    echo >&2
    step_log | tail -n 25 >&2
    fail "$1: see the lines above." "The whole log: $LOG"
}

# step NAME FINGERPRINT TITLE PROGRESS COMMAND...: run it once; later starts pass over it until its fingerprint changes.
step() {
    local name=$1 print=$2 title=$3 progress=$4 begin pid waited=0
    shift 4
    step_number=$((step_number + 1))
    is_stamped "$name" "$print" && return
    rm -f "$STAMPS/$name" "$STAMPS/ready"
    echo "[$step_number/$STEPS] $title"
    begin=$SECONDS
    step_log_start=$(wc -l <"$LOG")
    echo "=== $title ($(date))" >>"$LOG"
    set -m # a process group of its own, so that an interrupt can end all of it
    ("$@") >>"$LOG" 2>&1 </dev/null 9>&- &
    pid=$!
    set +m
    trap 'kill -TERM -- "-$pid" 2>/dev/null; echo; echo "Interrupted. The next start continues." >&2; exit 130' INT TERM HUP
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2 # short, so that a step of a second does not take fifteen
        waited=$((waited + 1))
        if [ $((waited % (TICK_SECONDS * 5))) -eq 0 ]; then
            echo "      $(minutes $((SECONDS - begin))): $($progress)"
        fi
    done
    wait "$pid" || explain_failure "$title"
    trap - INT TERM HUP
    echo "$print" >"$STAMPS/$name"
    echo "      done in $(minutes $((SECONDS - begin)))"
}
