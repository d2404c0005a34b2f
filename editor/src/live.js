// Parts of pages that follow what happens: each element with `data-live` (seconds between two looks) is asked for
// again, at `data-live-url` or the page's own address, and becomes what the answer has under its id. What is the same
// stays: focus, scrolling, opened details, what somebody types. An answer without `data-live` ends it. What
// `data-announce` says anew is told to screen readers.

import { Idiomorph } from "idiomorph";

const LONGEST = 60; // seconds between two looks at a server that is away

const status = document.createElement("p");
status.className = "visually-hidden";
status.setAttribute("role", "status");
document.body.append(status);

let failures = 0;
let signedOut = false;
let timer;

/** All parts that come from one address, with the shortest of their pauses. */
function addresses() {
  const found = new Map();
  for (const part of document.querySelectorAll("[data-live]")) {
    const url = new URL(part.dataset.liveUrl || location.href, location.href);
    url.hash = "";
    const at = found.get(url.href) ?? { parts: [], seconds: Infinity };
    at.parts.push(part);
    at.seconds = Math.min(at.seconds, Number(part.dataset.live) || LONGEST);
    found.set(url.href, at);
  }
  return found;
}

function later() {
  clearTimeout(timer);
  const pauses = [...addresses().values()].map(({ seconds }) => seconds);
  if (!pauses.length || signedOut || document.hidden) return; // a tab that comes to the front looks at once
  timer = setTimeout(look, 1000 * Math.min(LONGEST, Math.min(...pauses) * 2 ** failures));
}

async function look() {
  clearTimeout(timer);
  const asked = [...addresses()];
  const answers = await Promise.all(asked.map(([url, { parts }]) => lookAt(url, parts)));
  failures = answers.every(Boolean) ? 0 : failures + 1;
  later();
}

/** Whether the server answered. */
async function lookAt(url, parts) {
  const response = await fetch(url, { headers: { "X-Tracsync-Live": "1" } }).catch(() => null);
  if (!response || response.status >= 500) return false;
  if (response.redirected) {
    signedOut = true;
    document.dispatchEvent(new Event("tracsync:signed-out"));
    return true;
  }
  if (!response.ok) {
    for (const part of parts) delete part.dataset.live; // deleted, or not to be seen any more
    return true;
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts) {
    const now = fresh.getElementById(part.id);
    if (now) follow(part, now);
    else delete part.dataset.live;
  }
  return true;
}

function follow(part, now) {
  const said = part.dataset.announce;
  Idiomorph.morph(part, now, {
    callbacks: {
      beforeNodeMorphed: (node) => !isBeingEdited(node),
      beforeAttributeUpdated: (name, element) => !(name === "open" && element.matches("details")),
    },
  });
  const told = now.dataset.announce;
  if (told && told !== said) status.textContent = told;
}

/** What somebody has typed or chosen, and the server does not know of. */
function isBeingEdited(node) {
  if (!(node instanceof HTMLElement)) return false;
  if (node.matches("input[type=checkbox], input[type=radio]")) return node.checked !== node.defaultChecked;
  if (node.matches("select")) return node === document.activeElement;
  return node.matches("textarea, input:not([type=hidden])") && node.value !== node.defaultValue;
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
document.addEventListener("tracsync:signed-in", () => {
  signedOut = false;
  look();
});
later();
