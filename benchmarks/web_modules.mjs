// Answers check_web_app.py under node: one JSON document from stdin to stdout, the app's own modules at work.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const module = (name) => import(pathToFileURL(`${process.argv[2]}/src/${name}`));
const { faceCrop } = await module("preprocessing.js");
const { decode, anchors, letterboxed, part, reduce } = await module("blazeface.js");
const { weightedSuppression } = await module("suppression.js");
const { FaceTracker } = await module("tracking.js");

const picture = ({ data, width, height }) => ({
  data: new Uint8ClampedArray(Buffer.from(data, "base64")), width, height, channels: 3,
});
const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const floats = (text) => new Float32Array(new Uint8Array(Buffer.from(text, "base64")).buffer);

const tracker = new FaceTracker();
const followed = ({ boxes, probabilities, time_s: timeS }) =>
  tracker.update(boxes).map((track, k) => [track.number, ...track.smooth(probabilities[k], timeS)]);

const { crops, letterboxes, detections, frames } = JSON.parse(readFileSync(0, "utf8"));
console.log(
  JSON.stringify({
    crops: crops.map((c) => base64(faceCrop(picture(c), c.box, c.size, c.contract, c.roll).data)),
    letterboxes: letterboxes.map((p) => {
      const whole = reduce(picture(p), p.reduction, p.reduction);
      return base64(letterboxed(p.region ? part(whole, p.region) : whole).values);
    }),
    detections: detections.map(({ regressors, logits }) => {
      const found = decode(floats(regressors), floats(logits), anchors(), 0.5);
      return weightedSuppression(found.detections, found.scores, 0.3);
    }),
    frames: frames.map(followed),
  }),
);
