#!/usr/bin/env bash
# Build the tested environment of mmpose_ext, then run a command in it.
#
#   bash tools/setup_env.sh [--stack a|b] [COMMAND [ARGUMENT...]]
#
# Stack a (.venv) is today's PyTorch, stack b (.venv-b) the last one that OpenMMLab built its packages for; the pins are
# in requirements/pinned/. Needs bash, Python 3.10 to 3.13 (b: to 3.11), a C++ compiler and a package index that pip can
# reach. A finished step is not done again until its pins change. Everything is written below the repository, except
# pip's own cache: it keeps the compiled mmcv, so that the next clone need not compile it (PIP_CACHE_DIR moves it).
#
# Environment: PYTHON (the Python to use), CXX, MAX_JOBS (compilers at a time), FORCE_CUDA=1 (compile mmcv's CUDA
# operators as well; nothing here uses them).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
STACK=a
if [ "${1:-}" = --stack ]; then
    STACK=${2:-}
    shift 2 || true
fi
case $STACK in
    a) VENV=$ROOT/.venv PYTHON_RANGE='3.10 3.11 3.12 3.13' ;;
    b) VENV=$ROOT/.venv-b PYTHON_RANGE='3.10 3.11' ;;
    *) echo "--stack must be a or b, got '$STACK'" >&2 && exit 2 ;;
esac
PINS=requirements/pinned
STAMPS=$VENV/stamps
LOGS=$VENV/logs
CACHE=$ROOT/.cache
STEP_NAMES='venv build libraries stack dev package mmcv xtcocotools ready'
MMCV_OBJECTS=78 # of mmcv 2.1.0 without CUDA
DISK_GB=9
# shellcheck source=tools/env/checks.sh
. tools/env/checks.sh
# shellcheck source=tools/env/compiler.sh
. tools/env/compiler.sh
# shellcheck source=tools/env/steps.sh
. tools/env/steps.sh

# What the environment has to be now; where it lies belongs to it, because a virtual environment cannot be moved.
prints() {
    venv_print=$(fingerprint -- "$VENV")
    build_print=$(fingerprint $PINS/build.txt -- "$venv_print")
    libraries_print=$(fingerprint $PINS/libraries.txt -- "$venv_print")
    stack_print=$(fingerprint $PINS/stack-$STACK.txt -- "$venv_print")
    compiled_print=$(fingerprint $PINS/compiled.txt -- "$build_print" "$stack_print")
    dev_print=$(fingerprint $PINS/dev.txt $PINS/mim.txt $PINS/ablation.txt $PINS/docs.txt -- "$venv_print")
    package_print=$(fingerprint setup.py pyproject.toml mmpose_ext/version.py requirements/*.txt -- "$build_print")
    ready_print=$(fingerprint -- "$libraries_print" "$compiled_print" "$dev_print" "$package_print")
}

is_ready() { is_stamped ready "$ready_print" && python_version "$VENV/bin/python" >/dev/null; }

# pip_install ARGUMENT...: without byte-compiling; Python compiles what is really imported, a fifth of all the files.
pip_install() { "$VENV/bin/python" -m pip install --no-input --no-compile --progress-bar off "$@"; }

# run_python ARGUMENT...: with the libraries' own caches (yapf, matplotlib) below the repository; not for pip.
run_python() { XDG_CACHE_HOME=$CACHE MPLCONFIGDIR=$CACHE/matplotlib "$VENV/bin/python" -W ignore "$@"; }

try_import() { run_python -c "import $1"; } # MODULE

pin() { grep -h "^$1==" $PINS/*.txt | grep -v "python_version" | head -n 1; } # NAME: its line in the pins of both stacks

# create_venv: anew, whatever an earlier, interrupted start has left.
create_venv() {
    find "$VENV" -mindepth 1 -maxdepth 1 ! -path "$LOGS" ! -path "$STAMPS" -exec rm -rf {} +
    rm -f "$STAMPS"/*
    "$python" -m venv "$VENV"
}

# install_compiled NAME IMPORT ARGUMENT...: pip's cache knows a wheel by name, version and Python, but not the torch or
# numpy it was compiled against. So stack b keeps a cache of its own beside stack a's, and a wheel that cannot be
# imported is compiled anew, in a cache named after this stack's torch.
install_compiled() {
    local name=$1 import=$2 cache
    shift 2
    cache=$("$VENV/bin/python" -m pip cache dir) || cache=$CACHE/pip # pip's cache may be switched off
    if [ "$STACK" = a ]; then
        pip_install --no-deps --no-build-isolation --force-reinstall "$@" "$(pin "$name")"
        try_import "$import" && return
        echo "$name from pip's cache does not fit this torch and numpy: compiling it anew"
    fi
    cache=$cache/mmpose_ext-$(grep '^torch==' $PINS/stack-$STACK.txt | tr -d =)
    pip_install --cache-dir "$cache" --no-deps --no-build-isolation --force-reinstall "$@" "$(pin "$name")"
    try_import "$import" && return
    echo "$name from the cache of this stack cannot be imported: compiling it without a cache"
    pip_install --no-cache-dir --no-deps --no-build-isolation --force-reinstall "$@" "$(pin "$name")"
    try_import "$import"
}

install_mmcv() {
    # With a GPU in sight mmcv compiles CUDA operators, which needs a CUDA compiler of torch's own version.
    if [ "${FORCE_CUDA:-0}" != 1 ]; then export CUDA_VISIBLE_DEVICES=; fi
    export MMCV_WITH_OPS=1 MAX_JOBS=${MAX_JOBS:-$(compilers)}
    use_compiler
    use_precompiled_headers
    install_compiled mmcv mmcv.ops
}

install_xtcocotools() {
    use_compiler
    install_compiled xtcocotools xtcocotools.coco --no-binary xtcocotools
}

mmcv_step() {
    step mmcv "$compiled_print" "$(pin mmcv), from pip's cache or compiled once ($(compile_plan))" \
        progress_mmcv install_mmcv
    if [ "$(cat "$TMPDIR/headers/result" 2>/dev/null)" = refused ]; then
        echo "$(step_label mmcv) the compiler refused its own precompiled header: compiled without it"
    fi
    rm -rf "$TMPDIR/headers" # 400 MB
}

xtcocotools_step() {
    step xtcocotools "$compiled_print" "$(pin xtcocotools), compiled once" progress_pip install_xtcocotools
}

stack_step() {
    step stack "$stack_print" "$(grep '^torch==' $PINS/stack-$STACK.txt) with its CUDA libraries (2 to 3 GB)" \
        progress_pip pip_install -c $PINS/libraries.txt -r $PINS/stack-$STACK.txt
}

other_steps() {
    step dev "$dev_print" 'Test tools, mim, Snakemake and Sphinx' progress_pip \
        pip_install --no-deps -r $PINS/dev.txt -r $PINS/mim.txt -r $PINS/ablation.txt -r $PINS/docs.txt
    step package "$package_print" 'mmpose_ext itself, editable' progress_pip \
        pip_install --no-deps --no-build-isolation -e .
}

build_environment() {
    local python
    echo "Building the environment of stack $STACK in ${VENV#"$ROOT"/} (logs: ${LOGS#"$ROOT"/})"
    if is_stamped venv "$venv_print" && python_version "$VENV/bin/python" >/dev/null; then
        python=$VENV/bin/python
    elif [ -e "$VENV" ] && [ ! -d "$STAMPS" ]; then
        python=$VENV/bin/python
        python_in_range "$(python_version "$python" || echo none)" || fail \
            "${VENV#"$ROOT"/} was not made by this script and has no Python of stack $STACK ($PYTHON_RANGE)." \
            "Remove or rename $VENV."
        echo "      ${VENV#"$ROOT"/} was made by hand: it is brought to the pinned versions"
        mkdir -p "$STAMPS"
        echo "$venv_print" >"$STAMPS/venv"
    else
        python=$(find_python)
        rm -f "$STAMPS"/*
    fi
    check_compiler "$python"
    if is_stamped stack "$stack_print"; then check_disk 2; else check_disk $DISK_GB; fi
    mkdir -p "$VENV" "$STAMPS" "$LOGS"
    rm -f "$LOGS"/*.seconds
    export TMPDIR=$VENV/tmp
    rm -rf "$TMPDIR"

    step venv "$venv_print" "Virtual environment with Python $(python_version "$python")" progress_pip create_venv
    mkdir -p "$TMPDIR"
    export PATH=$VENV/bin:$PATH
    step build "$build_print" 'Build tools (setuptools, ninja, cython)' progress_pip \
        pip_install -r $PINS/build.txt
    step libraries "$libraries_print" "Libraries ($(pin mmengine), $(pin mmdet), $(pin mmpose))" progress_pip \
        pip_install --no-deps -r $PINS/libraries.txt
    # pip unpacks torch on one core: whatever needs no torch is installed beside it
    side_by_side stack_step other_steps
    # `import mmcv.ops`, the test of a wheel from pip's cache, needs the libraries and torch; xtcocotools needs numpy
    side_by_side mmcv_step xtcocotools_step
    step ready "$ready_print" 'Test: imports, and two operators of mmcv' progress_pip run_python tools/env/check_stack.py
    rm -rf "$TMPDIR"
    summary
    echo "Environment ready after $(minutes $SECONDS)"
}

# Caches of what runs in the environment: all of them below the repository.
run_settings() {
    export PATH=$VENV/bin:$PATH VIRTUAL_ENV=$VENV XDG_CACHE_HOME=$CACHE MPLCONFIGDIR=$CACHE/matplotlib
    export TORCH_HOME=$CACHE/torch TRITON_CACHE_DIR=$CACHE/triton TORCHINDUCTOR_CACHE_DIR=$CACHE/inductor
    mkdir -p "$CACHE/tmp"
    # Threads that wait let go of the core after some microseconds: with a busy data worker on few cores, OpenMP's
    # long default makes training several times as slow.
    export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-2000}
    # Data workers open sockets below TMPDIR, and the path of a socket is limited to 107 characters.
    if [ ${#CACHE} -le 70 ]; then export TMPDIR=$CACHE/tmp; fi
}

# A function, because bash reads a script as it runs it: an edit during the build must not reach this run.
main() {
    unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0
    prints
    if ! is_ready; then
        mkdir -p "$CACHE"
        exec 9>"$CACHE/setup-$STACK.lock"
        if command -v flock >/dev/null && ! flock -n 9; then
            echo 'Another start is building this environment: waiting for it'
            flock 9
        fi
        if ! is_ready; then build_environment; fi
        exec 9>&-
    fi
    run_settings
    if [ $# -gt 0 ]; then exec "$@"; fi
}

main "$@"
exit
