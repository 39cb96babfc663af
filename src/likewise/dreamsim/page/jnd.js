// Just noticeable differences: four pictures one after the other, A1 B1 A2 B2; then: was the first like the third,
// the second like the fourth?

import { pause, play } from "./clock.js";
import { decoded } from "./pictures.js";

const FIXATE = 700; // ms of a cross before the first picture
const KEYS = { ArrowLeft: "same", KeyS: "same", ArrowRight: "different", KeyD: "different" };
const ORDER = [["first", "third", [0, 2]], ["second", "fourth", [1, 3]]];
const find = (id) => document.querySelector(`#${id}`);
const [place, canvas, cross, quiz, told] = ["look", "canvas", "cross", "quiz", "told"].map(find);

export async function look(trial, practice, { show, gap, frame }) {
  const images = await Promise.all(trial.pictures.map(decoded));
  place.hidden = false;
  quiz.hidden = true;
  let timing = null;
  let restarts = -1;
  while (timing === null) { // a sequence that was hidden begins again
    restarts += 1;
    await visible();
    timing = await sequence(images, show, gap, frame);
  }
  const answer = [];
  const ms = [];
  for (const [place_, [first, second, numbers]] of ORDER.entries()) {
    const said = await question(first, second, numbers);
    answer.push(said.answer);
    ms.push(said.ms);
    if (practice) await comment(said.answer, trial.answers[place_]);
  }
  quiz.hidden = true;
  return { answer, ms, timing: { ...timing, restarts } };
}

async function sequence(images, show, gap, frame) {
  const paint = painter(images);
  let hidden = false;
  const onHide = () => { hidden = true; };
  document.addEventListener("visibilitychange", onHide);
  paint(null);
  cross.hidden = false;
  await pause(FIXATE);
  cross.hidden = true;
  const timing = await play({ count: images.length, show, gap, frame, paint, cancelled: () => hidden });
  document.removeEventListener("visibilitychange", onHide);
  return timing;
}

// Bitmaps are scaled once, at the screen's own resolution: painting in a frame is then one copy.
function painter(images) {
  const ratio = window.devicePixelRatio || 1;
  const side = Math.round(canvas.clientWidth * ratio);
  canvas.width = side;
  canvas.height = side;
  const ready = images.map((image) => {
    const sheet = document.createElement("canvas");
    sheet.width = side;
    sheet.height = side;
    const scale = Math.min(side / image.naturalWidth, side / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const context = sheet.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, (side - width) / 2, (side - height) / 2, width, height);
    return sheet;
  });
  const context = canvas.getContext("2d");
  return (index) => {
    context.clearRect(0, 0, side, side);
    if (index !== null) context.drawImage(ready[index], 0, 0);
  };
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

async function question(first, second, numbers) {
  find("which").textContent = `Was the ${first} picture the same as the ${second}?`;
  const dots = [0, 1, 2, 3].map((k) => {
    const dot = document.createElement("span");
    dot.textContent = k + 1;
    dot.className = numbers.includes(k) ? "on" : "";
    return dot;
  });
  find("dots").replaceChildren(...dots);
  told.textContent = "";
  quiz.hidden = false;
  const asked = performance.now();
  const { answer, at } = await pressed();
  find(answer).classList.add("chosen");
  await pause(120);
  find(answer).classList.remove("chosen");
  return { answer, ms: Math.max(0, at - asked) };
}

function pressed() {
  return new Promise((resolve) => {
    const stop = new AbortController();
    const done = (answer, event) => {
      stop.abort();
      resolve({ answer, at: event.timeStamp });
    };
    const options = { signal: stop.signal };
    document.addEventListener("keydown", (event) => {
      if (!event.repeat && KEYS[event.code]) {
        event.preventDefault();
        done(KEYS[event.code], event);
      }
    }, options);
    for (const name of ["same", "different"]) find(name).addEventListener("click", (e) => done(name, e), options);
  });
}

async function comment(answer, right) {
  told.className = `verdict ${answer === right ? "good" : "bad"}`;
  told.textContent = answer === right ? "Yes." : `Not quite: they were ${right === "same" ? "the same" : "different"}.`;
  await pause(answer === right ? 700 : 1600);
}
