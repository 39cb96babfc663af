// Everything the page says, in one place. What comes from outside (a name, an error) is escaped.

const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
const go = (text) => `<button class="go">${text}<kbd>Space</kbd></button>`;

export const title = (task) => (task === "2afc" ? "Which looks more alike?" : "Same or different?");

export const welcome = (state) => `
  <h1>${title(state.task)}</h1>
  <p>${state.task === "2afc"
    ? "You will see a picture, and two more below it. Say which of the two looks more like the first. There is no wrong answer: your eye is what we want to know."
    : "Four pictures will flash by. Then you say which of them were the same. It is meant to be hard: go by what you saw."}</p>
  <p class="soft">A block takes some five minutes. You can stop after any answer, close the tab, and go on later.</p>
  <form autocomplete="off">
    <input name="name" maxlength="60" required aria-label="Your name" placeholder="Your name, or any word you will remember">
    <button class="go">Begin</button>
  </form>
  <p id="problem" class="soft" role="alert"></p>
  <button id="again" class="go quiet" hidden>That is me: go on</button>
  <p class="soft">Your name stays with whoever shows you this page. Votes leave under a number.</p>`;

const explained = (state) => (state.task === "2afc" ? `
  <h1>How it goes</h1>
  <div class="sample"><i>?</i> looks more like <i>←</i> or like <i class="other">→</i></div>
  <p>Take in the whole picture, and answer with your first impression. You can press a key or click.</p>
  <div class="keys"><span><kbd>←</kbd> or <kbd>F</kbd></span><span>the left one looks more alike</span>
  <span><kbd>→</kbd> or <kbd>J</kbd></span><span>the right one looks more alike</span></div>` : `
  <h1>How it goes</h1>
  <div class="sample"><i>1</i><i class="other">2</i><i>3</i><i class="other">4</i></div>
  <p>Keep your eyes on the cross. Four pictures follow, ${state.show === 500 ? "half a second" : `${state.show / 1000} s`} each.
  Then we ask: was the first the same as the third, and the second the same as the fourth? They may differ in something small.</p>
  <div class="keys"><span><kbd>←</kbd> or <kbd>S</kbd></span><span>the same picture</span>
  <span><kbd>→</kbd> or <kbd>D</kbd></span><span>different</span></div>`);

export function begin(state, before) {
  const { block } = state;
  const asked = plural(block.trials.length, state.task === "2afc" ? "question" : "sequence", state.task === "2afc" ? "questions" : "sequences");
  if (block.practice) return `${explained(state)}<p class="soft">First ${asked} to practise, with the answer told.</p>${go("Practise")}`;
  if (!before) return `${explained(state)}<p class="soft">${asked} in this block.</p>${go("Begin")}`;
  if (before.block.practice) return `
    <h1>That was practice</h1><p>Now for real: ${asked}, and nobody tells you what is right. Some are easy on purpose.</p>${go("Begin")}`;
  return `
    <h1>Time for a break</h1>
    <p>Look away from the screen for a moment. What you have done is saved.</p>
    ${figures(state)}<p class="soft">${asked} in the next block.</p>${go("Go on")}`;
}

const figures = ({ progress }) => `
  <div class="figures"><div><b>${progress.answers}</b><span>answers given</span></div>
  <div><b>${progress.blocks}</b><span>${progress.blocks === 1 ? "block" : "blocks"} finished</span></div></div>`;

export const back = (state) => `
  <h1>Welcome back, ${escaped(state.person.name)}</h1>
  <p>${plural(state.block.open.length, "question is", "questions are")} left in ${state.block.practice ? "the practice" : "this block"}. Nothing was lost.</p>
  ${go("Go on")}`;

export const thanks = (state) => `
  <h1>Thank you, ${escaped(state.person.name)}</h1>
  <p>${state.progress.answers ? "There is nothing left to ask you. Every answer is saved." : "There is nothing to ask you just now."}</p>
  ${figures(state)}<p class="soft">You can close this tab.</p>`;

export const footer = (person) => `<span>${escaped(person.name)}</span><button>Not ${escaped(person.name)}?</button>`;

export const broken = (error) => `
  <h1>Something is in the way</h1><p>${escaped(error.message)}</p>
  <p class="soft">What you answered is saved. Tell whoever asked you, then load this page again.</p>`;
