#!/usr/bin/env bash
# Train the models that come with the package again: lsp14, and lsp14-small, which learns from it and from the labels.
#
#   bash tools/train_weights.sh [FOLDER]
#
# FOLDER (default: data/lsp) has LSPET in lspet/images and lspet/joints.mat. The results are in work_dirs/weights. A
# training that was stopped goes on from its last checkpoint.
set -euo pipefail
LSP_ROOT=$(realpath "${1:-data/lsp}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LSP_ROOT OMP_NUM_THREADS=1
TEACHER=dark_efficientnet-lite0_1xb32-32e_lspet-128x128
STUDENT=fpd_efficientnet-lite0_1xb32-16e_lspet-96x96

run() { bash tools/setup_env.sh python "$@"; }

run tools/dataset_converters/lsp_to_coco.py "$LSP_ROOT"
run tools/train.py "configs/dark/$TEACHER.py" --resume --cfg-options randomness.seed=0
run tools/train.py "configs/fpd/$STUDENT.py" --resume --cfg-options randomness.seed=0
run tools/publish.py "work_dirs/$TEACHER/epoch_32.pth" --half --out work_dirs/weights/lsp14.pth
run tools/publish.py "work_dirs/$STUDENT/epoch_16.pth" --half --out work_dirs/weights/lsp14-small.pth
