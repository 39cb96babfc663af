// Pictures are fetched and decoded before anything is timed; each is tried again while the server is away.

import { pause } from "./clock.js";

const held = new Map();

export function decoded(url) {
  if (!held.has(url)) held.set(url, load(url));
  return held.get(url);
}

export function forget(except) {
  for (const url of held.keys()) if (!except.has(url)) held.delete(url);
}

async function load(url) {
  for (let wait = 250; ; wait = Math.min(wait * 2, 4000)) {
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
      return image;
    } catch {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) throw new Error("A picture cannot be shown by this browser.");
      if (answer && answer.status < 500) throw new Error("A picture is missing from the server.");
      document.dispatchEvent(new CustomEvent("away"));
      await pause(wait);
    }
  }
}
