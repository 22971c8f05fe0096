// One detection per face, as in keras_fer/runtime/suppression.py.

// Share of the smaller box that lies in the larger one, above which both are taken for one face.
const CONTAINED = 0.7;

const area = (box) => Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0);

/** The area that two boxes share. */
function intersection(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}

/** How far two boxes are the same, 0 to 1. */
export function intersectionOverUnion(one, other) {
  const shared = intersection(one, other);
  const union = area(one) + area(other) - shared;
  return union > 0 ? shared / union : 0;
}

/** Merges the detections of each face into their mean, weighted by the scores; best first. */
export function weightedSuppression(detections, scores, threshold) {
  let remaining = detections.map((detection, i) => ({ detection, score: scores[i] }));
  remaining.sort((one, other) => other.score - one.score); // stable
  const merged = [];
  while (remaining.length) {
    const best = remaining[0];
    const same = (entry) => entry === best || intersectionOverUnion(best.detection, entry.detection) > threshold;
    const group = remaining.filter(same);
    remaining = remaining.filter((entry) => !same(entry));
    const total = group.reduce((sum, entry) => sum + entry.score, 0);
    const mean = best.detection.map((_, k) => group.reduce((sum, e) => sum + e.score * e.detection[k], 0) / total);
    merged.push({ detection: mean, score: best.score });
  }
  return merged;
}

/** Chooses the best detection of each face, also where one box largely lies in another; best first. */
export function suppression(found, threshold) {
  let remaining = [...found].sort((one, other) => other.score - one.score); // stable
  const chosen = [];
  while (remaining.length) {
    const [best, ...others] = remaining;
    chosen.push(best);
    remaining = others.filter(({ detection }) => {
      const smaller = Math.min(area(best.detection), area(detection));
      const same =
        intersectionOverUnion(best.detection, detection) > threshold ||
        intersection(best.detection, detection) > CONTAINED * smaller;
      return !same;
    });
  }
  return chosen;
}
