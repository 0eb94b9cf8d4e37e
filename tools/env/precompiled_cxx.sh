#!/usr/bin/env bash
# A C++ compiler for mmcv that parses torch's headers once instead of in each of its 78 files.
#
# tools/setup_env.sh names this script as CXX. The first call precompiles <torch/types.h> with exactly the flags that
# it was given; GCC silently ignores a precompiled header that was made with others. Every call then runs the real
# compiler with that header included first. If GCC does not accept the precompiled header, files are compiled without it.
#
# Environment: REAL_CXX (the compiler), HEADER_FOLDER (where the precompiled header lies; its file `result` says how
# it went).
set -uo pipefail

source='' flags=() skip_next=''
for argument in "$@"; do
    if [ -n "$skip_next" ]; then
        skip_next=''
        continue
    fi
    case $argument in
        -o | -MF | -MT | -MQ) skip_next=1 ;;
        -c | -M | -MM | -MD | -MMD | -MP) ;;
        *.cpp) source=$argument ;;
        *) flags+=("$argument") ;;
    esac
done

# shellcheck disable=SC2086 # REAL_CXX may be two words, such as 'ccache g++'
if [ -z "$source" ]; then exec $REAL_CXX "$@"; fi

# precompile HEADER: make HEADER.gch and see that the compiler takes it.
precompile() {
    echo '#include <torch/types.h>' >"$1"
    # shellcheck disable=SC2086
    $REAL_CXX "${flags[@]}" -x c++-header "$1" -o "$1.gch" || return
    # -H lists the headers that were read; a precompiled one is marked by an exclamation mark
    # shellcheck disable=SC2086
    $REAL_CXX "${flags[@]}" -include "$1" -H -fsyntax-only -x c++ - </dev/null 2>&1 | grep -F "! $1.gch" >/dev/null
}

folder=$HEADER_FOLDER/$(printf '%s\n' "${flags[@]}" | cksum | tr ' ' -)
header=$folder/torch_types.hpp
mkdir -p "$folder"
(
    flock 8 # the other compilers wait here for the first one
    if [ ! -e "$folder/tried" ]; then
        if precompile "$header"; then
            echo 'precompiled' >"$HEADER_FOLDER/result"
        else
            rm -f "$header" "$header.gch"
            echo 'refused' >"$HEADER_FOLDER/result"
        fi
        touch "$folder/tried"
    fi
) 8>"$folder/lock"

if [ -e "$header.gch" ]; then set -- -include "$header" "$@"; fi
# shellcheck disable=SC2086
exec $REAL_CXX "$@"
