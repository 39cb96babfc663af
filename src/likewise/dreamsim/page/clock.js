// Time is taken at animation frames: what changes in one is on the screen together, and its stamp is the frame's.

const SAMPLES = 24;

export const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Milliseconds from one frame to the next: the median of some.
export async function framePeriod() {
  const gaps = [];
  let before = await nextFrame();
  for (let i = 0; i < SAMPLES; i += 1) {
    const now = await nextFrame();
    gaps.push(now - before);
    before = now;
  }
  return gaps.sort((a, b) => a - b)[SAMPLES / 2];
}

// Calls paint(k) when picture k of `count` comes and paint(null) when it goes, `show` ms on and `gap` ms between.
// Each change is due at its time from the first, not from the one before, so that errors do not add up.
// The answer: when each was due and when it was, ms from the first; late if any was a frame or more off its time.
export function play({ count, show, gap, frame, paint, cancelled }) {
  const due = [];
  for (let k = 0; k < count; k += 1) due.push([k * (show + gap), k], [k * (show + gap) + show, null]);
  return new Promise((resolve) => {
    let start = null;
    const was = [];
    const tick = (now) => {
      if (cancelled()) return resolve(null);
      start ??= now;
      while (was.length < due.length && now - start >= due[was.length][0] - frame / 2) {
        paint(due[was.length][1]);
        was.push(now - start);
      }
      if (was.length < due.length) return requestAnimationFrame(tick);
      const times = due.map(([ms]) => ms);
      const worst = Math.max(...was.map((ms, i) => Math.abs(ms - times[i])));
      return resolve({ frame, due: times, was, worst, late: worst >= frame });
    };
    requestAnimationFrame(tick);
  });
}
