// The way through a room: a name, what is asked, practice, blocks with breaks between them, thanks.
// Where a person is, only the server knows: after a closed tab or a restart the page asks, and goes on there.

import { ask } from "./afc.js";
import { framePeriod, pause } from "./clock.js";
import { look } from "./jnd.js";
import { call, keep, send, waiting } from "./outbox.js";
import { decoded, forget } from "./pictures.js";
import * as words from "./words.js";

const AHEAD = 3; // trials whose pictures are fetched before they are needed
const find = (id) => document.querySelector(`#${id}`);
const [card, notice, foot] = ["card", "notice", "foot"].map(find);

document.addEventListener("away", away);

function away() {
  notice.textContent = "The server cannot be reached. Your answers are kept in this browser, and sent when it is back.";
  notice.hidden = false;
}

// Calls until the server answers.
async function surely(action) {
  for (let wait = 300; ; wait = Math.min(wait * 2, 4000)) {
    try {
      const answer = await action();
      notice.hidden = true;
      return answer;
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error; // what a lost server throws
      away();
      await pause(wait);
    }
  }
}

// Shows a card and waits for its button, Space or Enter.
function read(html) {
  document.body.classList.remove("judging");
  for (const id of ["ask", "look"]) find(id).hidden = true;
  card.innerHTML = html;
  card.hidden = false;
  const button = card.querySelector(".go");
  button?.focus();
  if (!button) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = new AbortController();
    const done = () => { stop.abort(); card.hidden = true; resolve(); };
    button.addEventListener("click", done, { signal: stop.signal });
    document.addEventListener("keydown", (event) => {
      if (["Space", "Enter"].includes(event.code) && !event.repeat) { event.preventDefault(); done(); }
    }, { signal: stop.signal });
  });
}

async function welcome(state) {
  card.innerHTML = words.welcome(state);
  card.hidden = false;
  const form = card.querySelector("form");
  const again = card.querySelector("#again");
  form.querySelector("input").focus();
  return new Promise((resolve) => {
    const enter = async (known) => {
      const name = form.querySelector("input").value;
      const answer = await surely(() => call("api/enter", { name, again: known }));
      if (answer.ok) { card.hidden = true; resolve(answer); return; }
      card.querySelector("#problem").textContent = answer.error;
      again.hidden = !answer.known;
    };
    form.addEventListener("submit", (event) => { event.preventDefault(); enter(false); });
    again.addEventListener("click", () => enter(true));
    form.querySelector("input").addEventListener("input", () => { again.hidden = true; });
  });
}

async function block(state) {
  const { block: mine, person, room } = state;
  document.body.classList.add("judging");
  find("bar").hidden = false;
  const frame = state.task === "jnd" ? await framePeriod() : null;
  const total = mine.trials.length;
  let failure = null;
  for (const [place, index] of mine.open.entries()) {
    if (failure) throw failure; // such as a full disk; the answer itself waits in the outbox
    const trial = mine.trials[index];
    progress(total - mine.open.length + place, total);
    const soon = mine.open.slice(place, place + AHEAD + 1).flatMap((one) => mine.trials[one].pictures);
    forget(new Set(soon));
    for (const url of soon) decoded(url).catch(() => {}); // told when its turn comes
    const given = state.task === "2afc" ? await ask(trial, mine.practice)
      : await look(trial, mine.practice, { show: state.show, gap: state.gap, frame });
    keep(room, person.number, { block: mine.number, trial: index, ...given });
    const sending = surely(() => send(room, person.number));
    const last = place === mine.open.length - 1;
    if (last || waiting(room, person.number).length > 3) await sending; // otherwise the next question need not wait for it
    else sending.then((double) => { if (double) location.reload(); }, (error) => { failure = error; });
    // double: another tab goes through the same block
  }
  progress(total, total);
}

function progress(done, total) {
  find("filled").style.width = `${(100 * done) / total}%`;
  find("bar").setAttribute("aria-valuenow", Math.round((100 * done) / total));
}

function footer({ person, room }) {
  foot.innerHTML = words.footer(person);
  foot.hidden = false;
  foot.querySelector("button").addEventListener("click", async () => {
    await surely(() => send(room, person.number));
    await surely(() => call("api/leave", {}));
    location.reload();
  });
}

async function main() {
  let state = await surely(() => call("api/room"));
  document.title = words.title(state.task);
  if (!state.person) state = await welcome(state);
  footer(state);
  await surely(() => send(state.room, state.person.number));
  state = await surely(() => call("api/room"));
  let before = null;
  for (;;) {
    if (state.block) {
      const begun = state.block.open.length < state.block.trials.length;
      await read(begun ? words.back(state) : words.begin(state, before));
    }
    if (!state.block) state = await surely(() => call("api/begin", {}));
    else {
      foot.hidden = true;
      await block(state);
      foot.hidden = false;
      before = state;
      state = await surely(() => call("api/begin", {}));
    }
    if (!state.block) break;
  }
  progress(0, 1);
  await read(words.thanks(state));
}

main().catch((error) => read(words.broken(error)));
