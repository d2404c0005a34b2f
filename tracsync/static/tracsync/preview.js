// The live preview beside a destination's form: posts the form as it stands and shows the server's answer.

(() => {
  const panel = document.getElementById("preview");
  const form = panel && document.getElementById(panel.dataset.form);
  if (!form) return;

  const PAUSE = 350; // milliseconds after the last key
  const input = document.getElementById("preview-id");
  const result = document.getElementById("preview-result");
  const status = document.getElementById("preview-status");
  const send = panel.querySelector(".tracsync-send");
  const texts = panel.dataset; // what is said here, in the reader's language
  let shown = ""; // the profile that the result is about
  let called = ""; // by its name, where it has one

  /** Calls `act` once, a moment after the last of many calls. */
  function later(act, pause) {
    let timer;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(act, pause);
    };
    soon.cancel = () => clearTimeout(timer);
    return soon;
  }

  function filled(profile, pick) {
    const data = new FormData(form);
    data.set("tracsync_profile", profile);
    if (pick) data.set("tracsync_pick", pick);
    return data;
  }

  /** A piece of the page from the server; null where a newer question has replaced this one. */
  async function piece(url, options) {
    const response = await fetch(url, options);
    if (response.redirected) {
      document.dispatchEvent(new Event("tracsync:signed-out"));
      throw new Error(texts.signedOut);
    }
    if (response.status === 403) throw new Error(texts.forbidden);
    if (!response.ok) throw new Error(`${texts.failed} ${response.status}`);
    return response.text();
  }

  function note(text) {
    const paragraph = document.createElement("p");
    paragraph.className = "tracsync-note";
    paragraph.textContent = text;
    return paragraph;
  }

  let asking;
  let unseen = false; // the form has changed since it was last asked about

  async function show(pick = "") {
    showSoon.cancel(); // what was about to be asked would replace this answer
    unseen = false;
    asking?.abort();
    const mine = (asking = new AbortController());
    panel.setAttribute("aria-busy", "true");
    try {
      const options = { method: "POST", body: filled(input.value, pick), signal: mine.signal };
      result.innerHTML = await piece(panel.dataset.previewUrl, options);
      take(result.firstElementChild.dataset, pick);
      if (unseen) follow(); // while a profile was still being looked for
    } catch (error) {
      if (error.name === "AbortError") return;
      result.replaceChildren(note(error.message));
      status.textContent = error.message;
    }
    if (mine === asking) panel.removeAttribute("aria-busy");
  }

  /** What the answer says about itself. */
  function take({ profile = "", called: name = "", status: text = "" }, pick) {
    shown = profile;
    called = name;
    if (pick && profile) input.value = profile;
    if (status.textContent !== text) status.textContent = text;
    if (send) send.hidden = !profile;
  }

  const showSoon = later(() => show(), PAUSE);

  function follow() {
    unseen = true;
    if (input.value.trim()) showSoon();
  }

  form.addEventListener("input", follow);
  form.addEventListener("change", follow);
  input.addEventListener("input", () => {
    suggest();
    showSoon();
  });
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  for (const button of panel.querySelectorAll("[data-pick]")) {
    button.addEventListener("click", () => show(button.dataset.pick));
  }

  const list = document.getElementById("preview-ids");
  const suggest = later(async () => {
    const typed = input.value;
    const query = new URLSearchParams({ q: typed });
    const response = await fetch(`${panel.dataset.profilesUrl}?${query}`).catch(() => null);
    if (!response?.ok || response.redirected) return;
    const { ids, names } = await response.json();
    if (input.value !== typed) return; // an answer to an older question
    list.replaceChildren(
      ...ids.map((id, at) => {
        const option = document.createElement("option");
        option.value = id;
        option.label = names[at];
        return option;
      }),
    );
  }, 150);
  input.addEventListener("focus", suggest, { once: true });

  const dialog = document.getElementById("send-dialog");
  const sent = document.getElementById("sent-result");
  const POLL = 700; // milliseconds between two looks at what has come of it
  const LOOKS = 120;

  function ask(button) {
    dialog.querySelector("#send-what").textContent = button.dataset.question.replace("{profile}", () => called);
    dialog.returnValue = "";
    dialog.onclose = () => dialog.returnValue === "send" && sendNow(button.dataset.send, shown);
    dialog.showModal();
    dialog.querySelector("button[value='']").focus(); // a hasty Enter sends nothing
  }

  async function sendNow(url, profile) {
    const waitingAt = document.activeElement;
    sent.replaceChildren(note(texts.sending));
    try {
      sent.innerHTML = await piece(url, { method: "POST", body: filled(profile) });
      if (document.activeElement === waitingAt) sent.querySelector("h3")?.focus(); // not away from what is typed
      await watch();
      show();
    } catch (error) {
      sent.replaceChildren(note(error.message));
    }
  }

  /** The engine sends in its own time: look until it has. */
  async function watch() {
    for (let looks = 0; looks < LOOKS; looks++) {
      const url = sent.firstElementChild?.dataset.poll;
      if (!url) return;
      await new Promise((done) => setTimeout(done, POLL));
      sent.innerHTML = await piece(url, {});
    }
    sent.append(note(texts.late));
  }

  for (const button of panel.querySelectorAll("[data-send]")) {
    // What stays within this installation needs no question.
    button.addEventListener("click", () => (button.dataset.question ? ask(button) : sendNow(button.dataset.send, shown)));
  }

  document.addEventListener("tracsync:signed-in", follow);
  panel.hidden = false;
  document.body.classList.add("tracsync-has-preview");
})();
