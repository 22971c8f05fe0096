// Which face of a frame is which of the frame before, and answers that do not flicker; as in
// keras_fer/runtime/tracking.py.
import { intersectionOverUnion } from "./suppression.js";

const MIN_OVERLAP = 0.25; // pairs that overlap less are two persons
const MOST_MISSED = 5; // a track ends when more detections than these did not find the person
const SMOOTHING_S = 0.5;

/** One person over the frames. */
class Track {
  constructor(number) {
    this.number = number;
    this.probabilities = null;
  }

  /** Takes in the answer for a frame: smoothed += (1 - exp(-dt / tau)) * (probabilities - smoothed). */
  smooth(probabilities, timeS) {
    if (this.probabilities === null) {
      this.probabilities = Array.from(probabilities);
    } else {
      const share = -Math.expm1(-Math.max(timeS - this.timeS, 0) / SMOOTHING_S);
      this.probabilities = this.probabilities.map((old, k) => old + share * (probabilities[k] - old));
    }
    this.timeS = timeS;
    return this.probabilities;
  }
}

/** Gives the faces of successive frames to tracks, greedily, those that overlap most first. */
export class FaceTracker {
  constructor() {
    this.tracks = [];
    this.started = 0;
  }

  /** The track of each box of a frame, in the order of the boxes. */
  update(boxes) {
    const pairs = this.tracks.flatMap((track) =>
      boxes.map((box, position) => ({ track, position, overlap: intersectionOverUnion(track.box, box) })),
    );
    pairs.sort((one, other) => other.overlap - one.overlap); // stable
    const found = new Array(boxes.length);
    const taken = new Set();
    for (const { track, position, overlap } of pairs) {
      if (overlap < MIN_OVERLAP) break;
      if (taken.has(track) || found[position]) continue;
      taken.add(track);
      found[position] = track;
    }
    for (const track of this.tracks) track.missed += 1;
    boxes.forEach((box, position) => {
      if (!found[position]) {
        found[position] = new Track(++this.started);
        this.tracks.push(found[position]);
      }
      Object.assign(found[position], { box, missed: 0 });
    });
    this.tracks = this.tracks.filter(({ missed }) => missed <= MOST_MISSED);
    return found;
  }
}
