// The app: reads models.json, opens the models, and answers camera frames and photos.
import { BlazeFace } from "./blazeface.js";
import { Cards, draw } from "./faces_view.js";
import { loadModel } from "./litert.js";
import { rgb } from "./preprocessing.js";
import { Recognizer } from "./recognizer.js";
import { FaceTracker } from "./tracking.js";

const LARGEST_PHOTO = 24_000_000; // pixels; four bytes each
const WORKER_WAIT_MS = 4000;
const STATUS_EVERY_MS = 1500;
const EMPTY = { data: new Uint8ClampedArray(64 * 64 * 3), width: 64, height: 64, channels: 3 };

const part = (id) => document.getElementById(id);
const [view, cameraButton, photoInput, modelSelect] = ["view", "camera", "photo", "model"].map(part);
const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
const analysed = document.createElement("canvas");

let site, detector, recognizer, cards, stream, installPrompt;
let tracker = new FaceTracker();
let photo; // the last one, answered again by another model
let facing = "user";
let running = false;
let turn = Promise.resolve(); // one picture at a time
let lastStatus = { text: "", at: -Infinity };
let frameTimes = [];

/** Shows an error, or none. */
function complain(error = "") {
  const text = error.message ?? String(error);
  part("error").textContent = text;
  part("error").hidden = !text;
}

/** What a screen reader says; in front of the camera not with every frame. */
function say(text, now = true) {
  const time = performance.now();
  if (text === lastStatus.text || (!now && time - lastStatus.at < STATUS_EVERY_MS)) return;
  lastStatus = { text, at: time };
  part("status").textContent = text;
}

/** The pixels of a source as RGB, over black where it is transparent. */
function pixels(source, width, height) {
  analysed.width = width;
  analysed.height = height;
  const context = analysed.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(source, 0, 0);
  return rgb(context.getImageData(0, 0, width, height));
}

/** Finds the faces of an RGB picture and their expressions, with the milliseconds that it took. */
async function answer(image, live) {
  const start = performance.now();
  const found = detector ? await detector.detect(image, !live) : [null];
  const between = performance.now();
  const faces = [];
  for (const face of found) faces.push({ face, probabilities: await recognizer.recognize(image, face) });
  const detectMs = between - start, recogniseMs = performance.now() - between;
  return { image, faces, detectMs, recogniseMs };
}

/** The answers of a camera frame, smoothed over the frames for each person. */
function smoothed(faces) {
  const tracks = tracker.update(faces.map(({ face }) => face?.box ?? [0, 0, 1, 1]));
  const timeS = performance.now() / 1000;
  return faces.map(({ face, probabilities }, k) => ({ face, probabilities: tracks[k].smooth(probabilities, timeS) }));
}

/** Answers one picture and shows it. */
async function analyse(source, width, height, mirrored, live) {
  const result = await answer(pixels(source, width, height), live);
  part("hint").hidden = true;
  // What was answered is shown, not the frame after it.
  draw(view, analysed, width, height, result.faces, mirrored);
  const shown = live ? smoothed(result.faces) : result.faces;
  cards.show(shown);
  const names = shown.map(({ probabilities }) => cards.best(probabilities));
  const where = !detector ? "Middle of the picture" : names.length === 1 ? "One face" : `${names.length} faces`;
  const summary = names.length === 0 ? "No face found." : `${where}: ${names.join("; ")}.`;
  say(summary, !live);
  view.setAttribute("aria-label", live ? "Camera picture" : `Photo. ${summary}`);
  showTiming(result, live);
  document.dispatchEvent(new CustomEvent("answer", { detail: result }));
}

function showTiming({ detectMs, recogniseMs }, live) {
  const parts = [`${(detectMs + recogniseMs).toFixed(1)} ms`];
  if (detector) parts.push(`${detectMs.toFixed(1)} ms to find faces, ${recogniseMs.toFixed(1)} ms to recognise`);
  if (live) {
    const now = performance.now();
    frameTimes = [...frameTimes.filter((time) => now - time < 2000), now];
    const rate = ((frameTimes.length - 1) * 1000) / (now - frameTimes[0]);
    if (frameTimes.length > 1) parts.push(`${rate.toFixed(0)} frames per second`);
  }
  part("timing").textContent = parts.join(" · ");
}

/** Runs one thing after the other; errors are shown. */
function next(work) {
  turn = turn.then(work).catch(complain);
  return turn;
}

async function startCamera() {
  if (running) return; // pressed twice
  complain();
  if (!navigator.mediaDevices) {
    throw new Error("The browser gives a camera to pages from this device or over https only.");
  }
  const constraints = { video: { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
  try {
    stream = await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    throw new Error(refused ? "The camera was not allowed; allow it beside the address." : `No camera: ${error.message}`);
  }
  video.srcObject = stream;
  await video.play();
  photo = undefined;
  running = true;
  frameTimes = [];
  tracker = new FaceTracker();
  cameraButton.textContent = "Stop camera";
  const devices = await navigator.mediaDevices.enumerateDevices();
  part("switch").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
  frame();
}

function stopCamera() {
  running = false;
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  video.srcObject = null;
  cameraButton.textContent = "Start camera";
  part("switch").hidden = true;
}

/** Answers the newest frame, then waits for the next; while the page is hidden nothing runs. */
function frame() {
  if (!running) return;
  video.requestVideoFrameCallback(async () => {
    await next(async () => {
      if (running) await analyse(video, video.videoWidth, video.videoHeight, facing === "user", true);
    });
    frame();
  });
}

async function showPhoto(file) {
  complain();
  stopCamera();
  photo = undefined;
  let bitmap;
  try {
    // As the runtime reads it: turned as its EXIF data says, colour profile not applied.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read.`);
  }
  if (bitmap.width * bitmap.height > LARGEST_PHOTO) throw new Error(`${file.name} is too large; 24 megapixels at most.`);
  await analyse(bitmap, bitmap.width, bitmap.height, false, false);
  bitmap.close();
  photo = file;
}

async function openModel(entry) {
  const model = await loadModel(entry.file);
  recognizer?.model.close();
  recognizer = new Recognizer(entry, model);
  await recognizer.recognize(EMPTY, null); // the first run takes long
  cards = new Cards(part("faces"), entry.contract);
  tracker = new FaceTracker();
  const size = (entry.size_bytes / 1e6).toFixed(1);
  const trained = entry.contract.training_data ? ` Trained on: ${entry.contract.training_data}.` : "";
  part("about").textContent = `${entry.contract.description} ${size} MB, ${entry.input.dtype} input.${trained}`;
}

/** Lets the service worker keep what is loaded next; without one (no https) all works but offline. */
async function keepOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service_worker.js");
  } catch {
    return;
  }
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, WORKER_WAIT_MS);
  });
}

async function start() {
  await keepOffline();
  site = await (await fetch("models.json")).json();
  modelSelect.replaceChildren(...site.models.map(({ name }, k) => new Option(name, k)));
  modelSelect.disabled = site.models.length < 2;
  await openModel(site.models[0]);
  if (site.detector) {
    detector = new BlazeFace(await loadModel(site.detector));
    await detector.detect(EMPTY, false);
  }
  part("notice").textContent = site.notice;
  part("notice").hidden = !site.notice;
  cameraButton.disabled = photoInput.disabled = false;
  say("Ready.");
  document.documentElement.dataset.ready = "true";
}

cameraButton.addEventListener("click", () => (running ? stopCamera() : next(startCamera)));
part("switch").addEventListener("click", () => {
  facing = facing === "user" ? "environment" : "user";
  stopCamera();
  next(startCamera);
});
photoInput.addEventListener("change", () => {
  const [file] = photoInput.files;
  if (file) next(() => showPhoto(file));
  photoInput.value = ""; // so that the same photo can be chosen again
});
modelSelect.addEventListener("change", () =>
  next(async () => {
    await openModel(site.models[modelSelect.value]);
    if (photo && !running) await showPhoto(photo);
  }),
);
view.addEventListener("dragover", (event) => event.preventDefault());
view.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) next(() => showPhoto(file));
});
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  installPrompt = event;
  part("install").hidden = false;
});
part("install").addEventListener("click", async () => {
  await installPrompt?.prompt();
  part("install").hidden = true;
});
start().catch((error) => {
  say("The app could not start.");
  complain(error);
});
