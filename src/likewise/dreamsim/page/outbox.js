// Answers wait in the browser's own storage until the server has them: a closed tab or a lost server loses none.
// One entry a trial, so that two tabs never overwrite each other's; the server takes each trial once.

const MARK = "likewise:answer:";

export function keep(person, answer) {
  localStorage.setItem(`${MARK}${person}:${answer.block}:${answer.trial}`, JSON.stringify(answer));
}

export function waiting(person) {
  return Object.keys(localStorage).filter((key) => key.startsWith(`${MARK}${person}:`));
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
export async function send(person) {
  let double = false;
  for (const key of waiting(person)) {
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
