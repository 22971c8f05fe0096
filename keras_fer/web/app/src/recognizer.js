// From a face to the probabilities of its expressions, as keras_fer/runtime/recognizer.py does it.
import { faceCrop } from "./preprocessing.js";

const SUM_TOLERANCE = 0.05;

/** Rounds as NumPy's rint: halves to the even number. */
function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/** An exported model behind its contract. `entry` is one of the models in models.json, `model` is opened. */
export class Recognizer {
  constructor(entry, model) {
    this.contract = entry.contract;
    this.input = entry.input;
    this.model = model;
  }

  /** The crop that the model sees of a face; null for a picture that is a crop already. */
  crop(image, face) {
    const roll = face && this.contract.align_roll ? face.roll : 0;
    return faceCrop(image, face ? face.box : null, this.contract.image_size, this.contract, roll);
  }

  /** The probabilities of the expressions in the order of the contract's label names. */
  async recognize(image, face) {
    const crop = this.crop(image, face);
    const outputs = await this.model.run(this.#values(crop.data));
    const count = this.contract.label_names.length;
    const probabilities = outputs.find((output) => output instanceof Float32Array && output.length === count);
    const sum = probabilities?.reduce((total, value) => total + value, 0);
    if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) throw new Error("The model's answers are no probabilities: export it again.");
    return probabilities;
  }

  /** Pixels as the input wants them. */
  #values(pixels) {
    const { dtype, scale, zero_point: zeroPoint } = this.input;
    if (dtype === "float32") return Float32Array.from(pixels);
    if ((scale === 0 || scale === 1) && zeroPoint === 0) return Uint8Array.from(pixels);
    // Divided in single precision, as NumPy does.
    const quantized = (value) => rint(Math.fround(value / Math.fround(scale))) + zeroPoint;
    return Uint8Array.from(pixels, (value) => Math.min(Math.max(quantized(value), 0), 255));
  }
}
