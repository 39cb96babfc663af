// Answers wait in the browser's own storage until the server has them: a closed tab or a lost server loses none.
// One entry a trial, so that two tabs never overwrite each other's; the server takes each trial once. Each names its
// room, as another one may be served from the same address later.

const MARK = "likewise:answer:";

let sending = Promise.resolve(); // one at a time: what is on its way must not be sent again, and come back as double

export function keep(room, person, answer) {
  const held = JSON.stringify({ room, ...answer });
  localStorage.setItem(`${MARK}${room}:${person}:${answer.block}:${answer.trial}`, held);
}

export function waiting(room, person) {
  return Object.keys(localStorage).filter((key) => key.startsWith(`${MARK}${room}:${person}:`));
}

export async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  const answer = await response.json();
  return { ok: response.ok, status: response.status, ...answer };
}

// Sends what waits, and tells whether another tab had answered any of it before. Throws while the server is away.
export function send(room, person) {
  sending = sending.catch(() => {}).then(() => all(room, person));
  return sending;
}

async function all(room, person) {
  let double = false;
  for (const key of waiting(room, person)) {
    const held = localStorage.getItem(key);
    if (held === null) continue; // another tab has sent it meanwhile
    const { ok, status, recorded, error } = await call("api/judge", JSON.parse(held));
    if (!ok && (status === 401 || status >= 500)) throw new Error(error);
    if (!ok) console.warn("The server will not take an answer:", error);
    localStorage.removeItem(key);
    if (ok && !recorded) double = true;
  }
  return double;
}
