// Two-alternative forced choice: a reference above, two pictures below, the time from all three shown to the answer.

import { nextFrame, pause } from "./clock.js";
import { decoded } from "./pictures.js";

const BLANK = 180; // ms of empty frames between questions, so that a change of pictures is seen as one
const KEYS = { ArrowLeft: "left", KeyF: "left", Digit1: "left", ArrowRight: "right", KeyJ: "right", Digit2: "right" };
const place = document.querySelector("#ask");
const sides = { left: document.querySelector("#left"), right: document.querySelector("#right") };
const verdict = document.querySelector("#verdict");

export async function ask(trial, practice) {
  const [reference, left, right] = await Promise.all(trial.pictures.map(decoded));
  place.classList.add("blank");
  place.hidden = false;
  verdict.textContent = "";
  document.querySelector("#reference").replaceWith(dressed(reference, "reference", "The picture to compare with"));
  sides.left.querySelector("img").replaceWith(dressed(left, "", "The left picture"));
  sides.right.querySelector("img").replaceWith(dressed(right, "", "The right picture"));
  await pause(BLANK);
  await nextFrame();
  place.classList.remove("blank");
  const shown = await nextFrame(); // the frame in which they are first on the screen
  const { answer, at, away } = await pressed();
  sides[answer].classList.add("chosen");
  if (practice) await comment(answer, trial.answers[0]);
  else await pause(60);
  sides[answer].classList.remove("chosen");
  return { answer: [answer], ms: [Math.max(0, at - shown)], timing: { away } };
}

function dressed(image, id, text) {
  const copy = image.cloneNode();
  if (id) copy.id = id;
  copy.alt = text;
  return copy;
}

function pressed() {
  let away = document.hidden;
  return new Promise((resolve) => {
    const stop = new AbortController();
    const done = (answer, event) => {
      stop.abort();
      resolve({ answer, at: event.timeStamp, away });
    };
    const onKey = (event) => {
      if (!event.repeat && KEYS[event.code]) {
        event.preventDefault();
        done(KEYS[event.code], event);
      }
    };
    const options = { signal: stop.signal };
    document.addEventListener("keydown", onKey, options);
    for (const [name, side] of Object.entries(sides)) side.addEventListener("click", (e) => done(name, e), options);
    document.addEventListener("visibilitychange", () => { away = true; }, options);
  });
}

async function comment(answer, right) {
  verdict.className = `verdict ${answer === right ? "good" : "bad"}`;
  verdict.textContent = answer === right ? "Yes, that is the same picture." : `Look again: the ${right} one is the same picture.`;
  await pause(answer === right ? 900 : 2200);
}
