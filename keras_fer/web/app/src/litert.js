// Runs .tflite files by LiteRT.js on the processor.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

let runtime;

/** Opens a model with one input; `run` takes its values and returns the values of all outputs. */
export async function loadModel(url) {
  runtime ??= loadLiteRt("wasm/");
  await runtime;
  const model = await loadAndCompile(url, { accelerator: "wasm" });
  const shape = Array.from(model.getInputDetails()[0].shape);
  return {
    async run(values) {
      const input = new Tensor(values, shape);
      const outputs = await model.run([input]);
      const results = outputs.map((output) => output.toTypedArray().slice());
      // LiteRT.js frees nothing by itself.
      for (const tensor of [input, ...outputs]) tensor.delete();
      return results;
    },
    close: () => model.delete(),
  };
}
