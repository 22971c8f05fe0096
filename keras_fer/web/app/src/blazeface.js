// Face detection by BlazeFace, as in keras_fer/runtime/blazeface.py.
import { resize, squareBox } from "./preprocessing.js";
import { intersectionOverUnion, suppression, weightedSuppression } from "./suppression.js";
import { tiles } from "./tiling.js";

const SIZE = 128;
const GRIDS = [[16, 2], [8, 6]]; // cells along an axis, anchors in a cell
const WORKING_SIDE = 1024; // larger pictures are averaged in blocks to less than twice this
const MIN_SCORE = 0.5;
const SAME_FACE = 0.3;
const MIN_SMALL_SCORE = 0.7; // of a face that was found in a tile, when it is looked at again
const MOST_CANDIDATES = 30;
const LARGEST_LOGIT = 80;
// Blocks are averaged first as long as the filter still shrinks by this much.
const REDUCING_GAP = 1.5;

/** The centres of the 896 anchors as shares of the picture. */
export function anchors() {
  const centers = [];
  for (const [cells, repeats] of GRIDS) {
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let k = 0; k < repeats; k++) centers.push([(column + 0.5) / cells, (row + 0.5) / cells]);
      }
    }
  }
  return centers;
}

/**
 * Averages blocks of pixels, those at the right and lower border over what there is.
 *
 * The same bytes as Pillow's `reduce`, which multiplies by a truncated 2 ** 24 / count in single precision: an
 * average just above a half may be rounded down.
 */
export function reduce(image, across, down) {
  if (across === 1 && down === 1) return image;
  const width = Math.ceil(image.width / across), height = Math.ceil(image.height / down);
  const data = new Uint8ClampedArray(width * height * 3);
  let to = 0;
  for (let row = 0; row < height; row++) {
    const lastRow = Math.min((row + 1) * down, image.height);
    for (let column = 0; column < width; column++) {
      const lastColumn = Math.min((column + 1) * across, image.width);
      let red = 0, green = 0, blue = 0;
      for (let y = row * down; y < lastRow; y++) {
        for (let x = column * across, at = (y * image.width + x) * 3; x < lastColumn; x++) {
          red += image.data[at++];
          green += image.data[at++];
          blue += image.data[at++];
        }
      }
      const count = (lastRow - row * down) * (lastColumn - column * across);
      const half = Math.floor(count / 2), multiplier = Math.floor(Math.fround(2 ** 24 / count));
      // The products are too large for >> 24.
      data[to++] = Math.floor(((red + half) * multiplier) / 2 ** 24);
      data[to++] = Math.floor(((green + half) * multiplier) / 2 ** 24);
      data[to++] = Math.floor(((blue + half) * multiplier) / 2 ** 24);
    }
  }
  return { data, width, height, channels: 3 };
}

/** The part of a picture in a box, as far as it lies in it, and where that part begins. */
export function part(image, box) {
  const left = Math.max(Math.floor(box[0]), 0), top = Math.max(Math.floor(box[1]), 0);
  const width = Math.min(Math.ceil(box[2]), image.width) - left, height = Math.min(Math.ceil(box[3]), image.height) - top;
  const data = new Uint8ClampedArray(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, width, height, channels: 3, left, top };
}

/** Shrinks or enlarges a picture so that it just fits into the input, black around it; and the way back. */
export function letterboxed(image) {
  const scale = SIZE / Math.max(image.width, image.height);
  const width = Math.max(Math.floor(image.width * scale + 0.5), 1);
  const height = Math.max(Math.floor(image.height * scale + 0.5), 1);
  const across = Math.floor(image.width / width / REDUCING_GAP) || 1;
  const down = Math.floor(image.height / height / REDUCING_GAP) || 1;
  // Pillow takes fractions of pixels in single precision.
  const region = [Math.fround(image.width / across), Math.fround(image.height / down)];
  const small = resize(reduce(image, across, down), height, width, region);
  const column = Math.floor((SIZE - width) / 2), row = Math.floor((SIZE - height) / 2);
  const values = new Float32Array(SIZE * SIZE * 3).fill(-1);
  for (let y = 0; y < height; y++) {
    let to = ((row + y) * SIZE + column) * 3;
    for (let from = y * width * 3; from < (y + 1) * width * 3; from++) values[to++] = small.data[from] * (2 / 255) - 1;
  }
  const scaleX = width / image.width, scaleY = height / image.height;
  return { values, undo: (x, y) => [(x - column) / scaleX, (y - row) / scaleY] };
}

/** Turns what the net says into rows of left, top, right, bottom and six points, as shares of the input. */
export function decode(regressors, logits, centers, minScore) {
  const detections = [], scores = [];
  centers.forEach(([x, y], i) => {
    const score = 1 / (1 + Math.exp(-Math.min(Math.max(logits[i], -LARGEST_LOGIT), LARGEST_LOGIT)));
    const r = Array.from(regressors.subarray(16 * i, 16 * i + 16), (value) => value / SIZE);
    if (score < minScore || !(r[2] > 0 && r[3] > 0)) return;
    const cx = x + r[0], cy = y + r[1];
    const points = r.slice(4).map((value, k) => value + (k % 2 ? y : x));
    detections.push([cx - r[2] / 2, cy - r[3] / 2, cx + r[2] / 2, cy + r[3] / 2, ...points]);
    scores.push(score);
  });
  return { detections, scores };
}

/** Finds faces with a model that `loadModel` of litert.js opened. */
export class BlazeFace {
  constructor(model) {
    this.model = model;
    this.centers = anchors();
  }

  /**
   * The faces in an RGB picture, from left to right: {box, score, roll}.
   *
   * `smallFaces` also searches tiles of the picture, for up to 75 times the time.
   */
  async detect(image, smallFaces) {
    const reduction = Math.max(Math.floor(Math.max(image.width, image.height) / WORKING_SIDE), 1);
    const picture = reduce(image, reduction, reduction);
    const found = await this.#inRegion(picture, null);
    if (smallFaces) found.push(...(await this.#inTiles(picture)));
    return suppression(found, SAME_FACE)
      .map(({ detection, score }) => {
        const points = detection.map((value) => value * reduction);
        // The right eye of the person lies left in the picture.
        const roll = (Math.atan2(points[7] - points[5], points[6] - points[4]) * 180) / Math.PI;
        return { box: points.slice(0, 4), score, roll };
      })
      .filter(({ box }) => box[0] < image.width && box[1] < image.height && box[2] > 0 && box[3] > 0)
      .sort((one, other) => one.box[0] + one.box[2] - other.box[0] - other.box[2]);
  }

  /** Searches the tiles, and looks at what was found there again, in a square of three times its side. */
  async #inTiles(picture) {
    const found = [];
    for (const tile of tiles(picture.height, picture.width, SIZE)) found.push(...(await this.#inRegion(picture, tile)));
    const confirmed = [];
    for (const candidate of suppression(found, SAME_FACE).slice(0, MOST_CANDIDATES)) {
      const seen = await this.#inRegion(picture, squareBox(candidate.detection.slice(0, 4), 1));
      const same = ({ detection, score }) =>
        score >= MIN_SMALL_SCORE && intersectionOverUnion(candidate.detection, detection) > SAME_FACE;
      confirmed.push(...seen.filter(same).slice(0, 1));
    }
    return confirmed;
  }

  /** Runs the net on a part of a picture, or on all of it; {detection, score}, in pixels of the picture. */
  async #inRegion(picture, region) {
    const cut = region ? part(picture, region) : { ...picture, left: 0, top: 0 };
    const { values, undo } = letterboxed(cut);
    const outputs = await this.model.run(values);
    const regressors = outputs.find((output) => output.length === this.centers.length * 16);
    const logits = outputs.find((output) => output.length === this.centers.length);
    const { detections, scores } = decode(regressors, logits, this.centers, MIN_SCORE);
    return weightedSuppression(detections, scores, SAME_FACE).map(({ detection, score }) => {
      const points = [];
      for (let k = 0; k < 16; k += 2) {
        const [x, y] = undo(detection[k] * SIZE, detection[k + 1] * SIZE);
        points.push(x + cut.left, y + cut.top);
      }
      return { detection: points, score };
    });
  }
}
