// Bundles the app into the folder that is named: `node build.mjs OUT`.
import { build } from "esbuild";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "build");
const runtime = join(here, "node_modules", "@litertjs", "core");
// Copied as they are. The service worker gets its list of files from the server.
const copied = ["index.html", "style.css", "manifest.webmanifest", "icon-192.png", "icon-512.png", "service_worker.js"];
// LiteRT takes the first one where the processor has relaxed SIMD, else the second.
const variants = ["litert_wasm_internal", "litert_wasm_compat_internal"];

await mkdir(join(out, "wasm"), { recursive: true });
await build({
  entryPoints: [join(here, "src", "main.js")],
  outfile: join(out, "main.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "inline",
});
for (const name of copied) await cp(join(here, "src", name), join(out, name));
for (const variant of variants) {
  for (const suffix of [".js", ".wasm"]) await cp(join(runtime, "wasm", variant + suffix), join(out, "wasm", variant + suffix));
}
const { version, license } = JSON.parse(await readFile(join(runtime, "package.json"), "utf8"));
await writeFile(
  join(out, "third_party.txt"),
  `main.js and wasm/ hold LiteRT.js ${version} by Google, ${license}: https://github.com/google-ai-edge/LiteRT\n`,
);
