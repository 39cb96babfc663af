// What the owner of a room sees: how far it is, who answered how, how far people agree, and the votes to take along.

import { call } from "./outbox.js";

const EVERY = 5000; // ms between looks
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const percent = (share) => `${(100 * share).toFixed(0)} %`;
const span = ({ value, low, high }) => `${value.toFixed(3)} <span class="soft">[${low.toFixed(3)}, ${high.toFixed(3)}]</span>`;

function row(one) {
  const sentinels = one.sentinels ? `${one.passed} of ${one.sentinels}` : "none yet";
  const repeats = one.repeats ? `${one.consistent} of ${one.repeats}` : "none yet";
  const state = one.flagged ? `<span class="no">left out</span>: ${one.reasons.map(escaped).join("; ")}` : '<span class="ok">counts</span>';
  return `<tr><td>${escaped(one.name)} <span class="soft">${one.person}</span></td><td>${one.answers}</td><td>${sentinels}</td>
    <td>${(one.ms / 1000).toFixed(2)} s</td><td>${one.answers ? percent(one.left / one.answers) : ""}</td><td>${repeats}</td><td>${state}</td></tr>`;
}

function agreed(found) {
  if (!found) return '<p class="soft">There is something to say here once two people have answered the same questions.</p>';
  const rows = [
    ["Two people give one answer", found.percent], ["Fleiss' kappa", found.kappa], ["Krippendorff's alpha", found.alpha],
    ["Noise ceiling: a person guessed from the others", found.ceiling],
  ].filter(([, figure]) => figure);
  return `<table>${rows.map(([name, figure]) => `<tr><td>${name}</td><td>${span(figure)}</td></tr>`).join("")}</table>
    <p class="soft">${found.items} questions with two votes and more; on ${found.split} of them the votes are split.</p>`;
}

function drawn(desk) {
  const first = desk.task === "2afc" ? ["left", "triplets.jsonl", "Left"] : ["same", "pairs.jsonl", "Same"];
  const people = desk.people.map(row).join("");
  return `
    <h1>Judgements so far</h1>
    <p class="soft">${desk.votes} votes count, ${desk.wanted} at most are asked for each; ${desk.open} of ${desk.questions} ${desk.task === "2afc" ? "triplets" : "pairs"} are still to be asked.</p>
    <meter min="0" max="${desk.questions}" value="${desk.questions - desk.open}"></meter>
    <h2>People</h2>
    ${people ? `<div class="scroll"><table><tr><th>Who</th><th>Answers</th><th>Obvious ones right</th><th>Median time</th><th>${first[2]}</th><th>Repeats alike</th><th></th></tr>${people}</table></div>` : '<p class="soft">Nobody has answered yet.</p>'}
    <h2>Agreement</h2>${agreed(desk.agreement)}
    <h2>Take along</h2>
    <p class="links"><a href="export/votes.csv">Every answer (CSV)</a><a href="export/${first[1]}">Votes that count (${first[1]})</a>
    ${desk.kept ? '<a href="export/kept.jsonl">Unanimous triplets (kept.jsonl)</a>' : ""}</p>`;
}

async function look() {
  const place = document.querySelector("#desk");
  try {
    const desk = await call("api/desk");
    if (desk.ok) place.innerHTML = drawn(desk);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    place.querySelector("p").textContent = "The server cannot be reached; this is what was there last.";
  }
  setTimeout(look, EVERY);
}

look();
