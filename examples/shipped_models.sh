#!/usr/bin/env bash
# Trains the nets in the box again, from the archive of FER+ to the exported files:
#
#     examples/shipped_models.sh ferplus.tar.gz shipped [OPTION of every keras-fer train]...
#
# What is done is not done again, and a training that was stopped goes on, so the same command can be called once
# more. In the environment, CERTAIN_ACCURACY is the share of right answers that the threshold for "uncertain" is
# chosen for, and EXPORT_OPTIONS go to keras-fer export.
set -euo pipefail
# keras-fer train keeps what it has at Ctrl-C and ends well; what follows needs all of it.
trap 'exit 130' INT

if (($# < 2)); then
    echo "Usage: $0 ARCHIVE FOLDER [OPTION of every keras-fer train]..." >&2
    exit 2
fi
if ! command -v keras-fer >/dev/null; then
    echo "There is no keras-fer in PATH: activate the environment that it is installed in." >&2
    exit 1
fi
archive=$1 folder=$2
shift 2
options=(--preset baseline --precision mixed_bfloat16 "$@")
strong=(--augmentation strong --mixup-alpha 0.2 --ema-momentum 0.999)

train() {
    local run=$folder/$1
    shift
    if [[ -d $run/checkpoints || ! -e $run/evaluation.json ]]; then
        if [[ -e $run/config.json ]]; then
            keras-fer train --resume "$run"
        else
            keras-fer train "$folder/prepared" "$run" "$@"
        fi
        # Interrupted by a signal that this script did not get.
        [[ ! -d $run/checkpoints ]] || exit 130
    fi
}

ship() {
    local run=$folder/$1 files=$folder/exported/$1
    if [[ ! -e $files ]]; then
        keras-fer calibrate "$run" --certain-accuracy "${CERTAIN_ACCURACY:-0.95}"
        # shellcheck disable=SC2086 - several options
        keras-fer export "$run" "$files" --name "$1" --recipe float32 --recipe static_wi8_ai8 \
            --verification-images 4000 ${EXPORT_OPTIONS:-}
    fi
}

[[ -e $folder/prepared ]] || keras-fer prepare ferplus "$archive" "$folder/prepared"
train first "${options[@]}"
# Born again: the first net is where it starts from, and half of what it learns.
train ferplus --weights "$folder/first" --teacher "$folder/first" --teacher-share 0.5 "${strong[@]}" \
    --dropout 0.3 --epochs 36 --patience 36 "${options[@]}"
# A quarter of the multiplications, taught by that one; rare expressions are drawn more often.
train ferplus-edge --backbone residual_edge --teacher "$folder/ferplus" --teacher-share 0.5 "${strong[@]}" \
    --dropout 0.2 --learning-rate 0.002 --sampling tempered --temperature 0.65 --epochs 90 --patience 90 \
    "${options[@]}"
# Last, since a teacher that was calibrated would teach something else.
ship ferplus
ship ferplus-edge
