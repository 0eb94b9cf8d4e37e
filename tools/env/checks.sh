# Checks of the machine, before anything is installed. Sourced by tools/setup_env.sh.

# fail WHAT ADVICE...: say what failed and what to do, and stop.
fail() {
    echo >&2
    echo "FAILED: $1" >&2
    shift
    local advice
    for advice in "$@"; do
        echo "  -> $advice" >&2
    done
    echo "  -> Then run the same command again: it continues where it stopped." >&2
    exit 1
}

# python_version COMMAND: print its x.y.z, or fail. A name on PATH may be a launcher without a Python behind it, so each
# candidate has to run.
python_version() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

# python_in_range X.Y.Z: is it one of the versions the stack has pins for?
python_in_range() {
    case " $PYTHON_RANGE " in
        *" ${1%.*} "*) return 0 ;;
        *) return 1 ;;
    esac
}

# find_python: print the command of a usable Python.
find_python() {
    local candidate version seen='' no_venv='' candidates=(python3.12 python3.11 python3.10 python3.13 python3 python)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if ! command -v "$candidate" >/dev/null 2>&1; then
            [ -z "${PYTHON:-}" ] || seen+="$candidate (not found), "
        elif ! version=$(python_version "$candidate"); then
            seen+="$candidate (does not run), "
        elif ! python_in_range "$version"; then
            seen+="$candidate ($version), "
        elif ! "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            no_venv=$version
        else
            echo "$candidate"
            return
        fi
    done
    if [ -n "$no_venv" ]; then
        fail "Python $no_venv has no ensurepip, so it cannot create a virtual environment." \
            "Debian and Ubuntu: apt install python${no_venv%.*}-venv; or name another Python: PYTHON=/path/to/python"
    fi
    fail "No Python in range: stack $STACK needs one of $PYTHON_RANGE. Found: ${seen:-}nothing else." \
        "Install one of these versions, or name it: PYTHON=/path/to/python3.11 bash tools/..."
}

# check_compiler PYTHON: mmcv and xtcocotools are compiled, against Python's own headers.
check_compiler() {
    local compiler=${CXX:-c++} include
    if ! command -v "${compiler%% *}" >/dev/null 2>&1; then
        fail "No C++ compiler: '$compiler' is not there." \
            "Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; or name one: CXX=/path/to/g++"
    fi
    if ! $compiler -x c++ -std=c++17 -fsyntax-only - <<<'#include <vector>' >/dev/null 2>&1; then
        fail "The C++ compiler '$compiler' cannot compile C++17." \
            "Install g++ 9 or newer with its standard library (apt install g++), or name one: CXX=/path/to/g++"
    fi
    include=$("$1" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    if [ ! -f "$include/Python.h" ]; then
        fail "The headers of Python are missing: no Python.h in $include." \
            "Debian and Ubuntu: apt install python$(python_version "$1" | cut -d. -f1,2)-dev"
    fi
}

# check_disk NEEDED_GB: free space where the environment is going to lie.
check_disk() {
    local free_mb
    free_mb=$(df -Pk "$ROOT" | awk 'NR == 2 { print int($4 / 1024) }')
    if [ "$free_mb" -lt $(($1 * 1024)) ]; then
        fail "Disk full: the environment needs about $1 GB more in $ROOT, $free_mb MB are free." \
            "Make room there (PyTorch with its CUDA libraries is the largest part), or clone to a larger disk."
    fi
}
