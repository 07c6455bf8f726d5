// The page: draws the slice on screen as sharp as its bytes allow.
// ?rate=KBIT_S imitates a slow line, ?lanes=N asks for so many ranges at a time.
import { Slice, nextSlice } from "./stream.js";

const words = new URLSearchParams(location.search);
const rate = Number(words.get("rate") ?? 0);
const lanes = rate ? 1 : Number(words.get("lanes") ?? 4);
const begin = performance.now();
const state = { shown: 0, bytes: 0, marks: {}, slices: [], error: "" };
window.viewer = { state, show, samplesHash }; // for whoever drives the page

const worker = new Worker("worker.js");
const waiting = new Map();
worker.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.ticket);
  waiting.delete(data.ticket);
  data.error ? reject(new Error(data.error)) : resolve(data);
};

worker.onerror = (event) => fail(new Error(`the decoder: ${event.message}`));

let tickets = 0;
function decode(bytes, reduce) {
  return new Promise((resolve, reject) => {
    waiting.set(++tickets, { resolve, reject });
    worker.postMessage({ ticket: tickets, bytes, reduce, signed: state.stack.signed });
  });
}

async function start() {
  state.stack = await (await fetch("stack.json")).json();
  state.slices = state.stack.slices.map((one) => new Slice(one));
  await Promise.all(state.slices.map((slice) => slice.open()));
  state.total = state.slices.reduce((sum, slice) => sum + slice.cuts.at(-1).size, 0);
  state.shown = state.slices.length >> 1;
  await Promise.all(Array.from({ length: lanes }, work));
  mark("original");
  draw();
}

// One lane: the most wanted range, its picture, the next.
async function work() {
  for (let slice; (slice = nextSlice(state.slices, state.shown)); ) {
    slice.busy = true;
    const cut = slice.next, before = slice.bytes.length;
    await slice.fetch(cut);
    if (rate) await new Promise((later) => setTimeout(later, ((cut.size - before) * 8) / rate));
    state.bytes += cut.size - before;
    const { samples, rows, cols } = await decode(slice.bytes, cut.reduce);
    slice.picture = { samples, rows, cols, reduce: cut.reduce };
    slice.busy = false;
    mark("first picture");
    const coarsest = Math.max(...state.slices.map((s) => s.picture?.reduce ?? 99));
    if (coarsest < 99) mark(`stack at 1/${2 ** coarsest}`);
    requestAnimationFrame(draw);
  }
}

function mark(name) {
  state.marks[name] ??= performance.now() - begin;
}

function windowed({ samples, rows, cols }) {
  const { slope, intercept, window: [centre, width] } = state.stack;
  const image = new ImageData(cols, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const gain = (255 * slope) / width, shift = (255 * (intercept - centre + width / 2)) / width;
  for (let i = 0; i < samples.length; i++) {
    const grey = Math.min(255, Math.max(0, Math.round(samples[i] * gain + shift)));
    pixels[i] = 0xff000000 | (grey * 0x10101);
  }
  return image;
}

const picture = document.querySelector("#picture"), bars = document.querySelector("#bars");
const small = document.createElement("canvas");

function draw() {
  const slice = state.slices[state.shown], paper = picture.getContext("2d");
  if (slice?.picture) {
    const { rows, cols } = slice.picture;
    [small.width, small.height] = [cols, rows];
    small.getContext("2d").putImageData(windowed(slice.picture), 0, 0);
    paper.imageSmoothingQuality = "high";
    paper.drawImage(small, 0, 0, picture.width, picture.height);
  } else {
    paper.clearRect(0, 0, picture.width, picture.height);
  }
  drawBars();
  tell(slice);
}

function drawBars() {
  const paper = bars.getContext("2d"), step = bars.width / state.slices.length;
  paper.clearRect(0, 0, bars.width, bars.height);
  state.slices.forEach((slice, k) => {
    const levels = slice.cuts.length, have = slice.cuts.filter((c) => c.size <= slice.bytes.length).length;
    const high = (bars.height * have) / levels;
    paper.fillStyle = k === state.shown ? "#ffd33d" : have === levels ? "#3fb950" : "#316dca";
    paper.fillRect(k * step + 1, bars.height - high, Math.max(step - 2, 1), high);
  });
}

function tell(slice) {
  const at = slice?.picture, MB = (n) => (n / 1e6).toFixed(2);
  const facts = {
    slice: `${state.shown + 1} of ${state.slices.length}`,
    "on screen": at ? `${at.cols} × ${at.rows}` : "nothing yet",
    received: `${MB(state.bytes)} of ${MB(state.total)} MB`,
    ...(rate ? { line: `${rate / 1000} Mbit/s` } : {}),
    ...Object.fromEntries(Object.entries(state.marks).map(([k, t]) => [k, `${(t / 1000).toFixed(2)} s`])),
  };
  document.querySelector("#facts").innerHTML = Object.entries(facts)
    .map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("");
}

function show(k) {
  state.shown = Math.min(Math.max(k, 0), state.slices.length - 1);
  draw();
}

// SHA-256 of the samples that are held of a slice, for proofs.
async function samplesHash(k) {
  const digest = await crypto.subtle.digest("SHA-256", state.slices[k].picture.samples);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  show(state.shown + Math.sign(event.deltaY));
}, { passive: false });
bars.addEventListener("click", (event) => show(Math.floor((event.offsetX / bars.clientWidth) * state.slices.length)));
addEventListener("keydown", ({ key }) => {
  const move = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[key];
  if (move) show(state.shown + move);
});

function fail(error) {
  state.error = document.querySelector("#error").textContent = error.message;
}

start().catch(fail);
