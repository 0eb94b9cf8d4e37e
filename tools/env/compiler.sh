# How mmcv and xtcocotools are compiled. Sourced by tools/setup_env.sh.

# Python's own flags, without debug information (-g), which triples the time that mmcv takes. CFLAGS of the environment
# replaces Python's flags, so that the level of optimization has to be given.
COMPILE_FLAGS='-O2 -g0 -DNDEBUG -fwrapv'
# GCC 8 and older need more than C++17's headers for this torch; they are not refused, but nobody tested them.
OLDEST_GCC=9

# compiler_macro NAME: the value that the C++ compiler gives to one of its predefined macros, or nothing.
compiler_macro() {
    local compiler=${CXX:-c++}
    $compiler -dM -E -x c++ /dev/null 2>/dev/null | awk -v name="$1" '$2 == name { print $3 }'
}

# compiler_name: such as 'GCC 12' or 'clang 14'.
compiler_name() {
    local version
    version=$(compiler_macro __clang_major__)
    if [ -n "$version" ]; then
        echo "clang $version"
        return
    fi
    version=$(compiler_macro __GNUC__) # clang and others define it, too
    if [ -n "$version" ]; then echo "GCC $version"; else echo "'${CXX:-c++}'"; fi
}

# why_not_precompiled: why mmcv is compiled without a precompiled header; nothing if it is compiled with one.
why_not_precompiled() {
    local name version
    name=$(compiler_name)
    version=${name#GCC }
    if [ "$version" = "$name" ]; then
        echo "$name is not GCC"
    elif [ "$version" -lt "$OLDEST_GCC" ]; then
        echo "$name is older than GCC $OLDEST_GCC"
    elif ! command -v flock >/dev/null; then
        echo 'the command flock is missing'
    fi
}

# compile_plan: one line for the user on how mmcv is compiled if pip's cache does not have it.
compile_plan() {
    local reason
    reason=$(why_not_precompiled)
    if [ -z "$reason" ]; then
        echo "$(compiler_name) reads torch's headers once, as a precompiled header: about 2 minutes on 2 cores"
    else
        echo "without a precompiled header, because $reason: 5 to 7 minutes on 2 cores"
    fi
}

# use_compiler: settings of every compiled package; flags of the user come last and so win.
use_compiler() {
    export CFLAGS="$COMPILE_FLAGS ${CFLAGS:-}"
    case $(python_version "$VENV/bin/python") in
        3.1[012].*) ;;
        *) export PYTHONPATH=$ROOT/tools/env/python313 ;; # what both packages' setup.py need there
    esac
}

# use_precompiled_headers: let mmcv be compiled with a precompiled header, where the compiler has that.
use_precompiled_headers() {
    [ -z "$(why_not_precompiled)" ] || return 0
    export REAL_CXX=${CXX:-c++} HEADER_FOLDER=$TMPDIR/headers
    mkdir -p "$HEADER_FOLDER"
    # by name, because ninja would break a path with a space
    export PATH=$ROOT/tools/env:$PATH CXX=precompiled_cxx.sh
}

# compilers: how many at a time; one per core, as long as each has 1.5 GB of memory.
compilers() {
    local cores memory
    cores=$(getconf _NPROCESSORS_ONLN)
    memory=$(awk '/MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo 2>/dev/null || echo "$cores")
    [ "${memory:-$cores}" -ge "$cores" ] || cores=$memory
    [ "$cores" -ge 1 ] || cores=1
    echo "$cores"
}
