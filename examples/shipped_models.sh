#!/usr/bin/env bash
# Trains the nets in the box again, from the archive of FER+ to the exported files:
#
#     examples/shipped_models.sh ferplus.tar.gz shipped [OPTION of every keras-fer train]...
#
# What is done is not done again, and a training that was stopped goes on, so the same command can be called once
# more. In the environment, CERTAIN_ACCURACY is the share of right answers that the threshold for "uncertain" is
# chosen for, RENDERED_IMAGES how many faces are rendered, and EXPORT_OPTIONS go to keras-fer export.
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
given=("$@")
# Votes, blended images and strong changes of them: what the nets after the first learn from.
strong=(--augmentation strong --mixup-alpha 0.2 --ema-momentum 0.999)

train() {
    local run=$folder/$1 dataset=$folder/$2
    shift 2
    if [[ -d $run/checkpoints || ! -e $run/evaluation.json ]]; then
        if [[ -e $run/config.json ]]; then
            keras-fer train --resume "$run"
        else
            keras-fer train "$dataset" "$run" --preset baseline --precision mixed_bfloat16 "$@" "${given[@]}"
        fi
        # Interrupted by a signal that this script did not get.
        [[ ! -d $run/checkpoints ]] || exit 130
    fi
}

calibrate() {
    keras-fer calibrate "$1" --certain-accuracy "${CERTAIN_ACCURACY:-0.95}" "${@:2}"
}

ship() {
    local run=$folder/$1 files=$folder/exported/$1
    if [[ ! -e $files ]]; then
        calibrate "$run" "${@:2}"
        # shellcheck disable=SC2086 - several options
        keras-fer export "$run" "$files" --name "$1" --recipe float32 --recipe static_wi8_ai8 \
            --verification-images 4000 ${EXPORT_OPTIONS:-}
    fi
}

[[ -e $folder/prepared ]] || keras-fer prepare ferplus "$archive" "$folder/prepared"
# The same, and the training images that people disagree on.
[[ -e $folder/votes ]] || keras-fer prepare ferplus "$archive" "$folder/votes" --mode votes
[[ -e $folder/rendered ]] || keras-fer prepare synthetic "$folder/rendered" \
    --num-images "${RENDERED_IMAGES:-16000}" --image-size 48 --difficulty standard --pairs

train first prepared --epochs 24
# Born again: the first net is where it starts from, and half of what it learns.
train second prepared --weights "$folder/first" --teacher "$folder/first" --teacher-share 0.5 "${strong[@]}" \
    --dropout 0.3 --epochs 36 --patience 36
# Calibrated, it answers more sharply. Two nets are taught by both; one sees rare expressions more often, the other
# rendered faces as well.
if [[ ! -e $folder/calibrated ]]; then
    rm -rf "$folder/uncalibrated"
    cp -r "$folder/second" "$folder/uncalibrated"
    calibrate "$folder/uncalibrated"
    mv "$folder/uncalibrated" "$folder/calibrated"
fi
both=(--weights "$folder/calibrated" --teacher "$folder/first" --teacher "$folder/calibrated" --teacher-share 0.6
    --dropout 0.3)
train third prepared "${both[@]}" "${strong[@]}" --sampling tempered --temperature 0.75 --epochs 26 --patience 26 \
    --precision float32
train fourth prepared "${both[@]}" --augmentation strong --ema-momentum 0.999 --mixed-dataset "$folder/rendered" \
    --mixed-share 0.25 --learning-rate 0.001 --epochs 8 --patience 8
# All four teach the net that is shipped, on all images.
train ferplus votes --weights "$folder/second" --teacher "$folder/first" --teacher "$folder/second" \
    --teacher "$folder/third" --teacher "$folder/fourth" --teacher-share 0.6 "${strong[@]}" --dropout 0.3 --epochs 50 \
    --patience 50
# A quarter of the multiplications; rare expressions are drawn more often.
train ferplus-edge prepared --backbone residual_edge --teacher "$folder/second" --teacher-share 0.5 "${strong[@]}" \
    --dropout 0.2 --learning-rate 0.002 --sampling tempered --temperature 0.65 --epochs 90 --patience 90
# Last, since a teacher that was calibrated would teach something else.
ship ferplus --logit-adjustment 0.1
ship ferplus-edge
