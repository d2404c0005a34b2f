// A session that ends loses nothing: a form is sent only where somebody is signed in. Where nobody is, it stays as it
// was typed, secrets and rows too; one signs in in another tab and goes on. Forms that were opened before get the token
// of the new session.

(() => {
  const box = document.getElementById("session-ended");
  if (!box) return;
  const EVERY = 2000; // milliseconds between two looks whether somebody has signed in again
  const [out, said] = [box.querySelector("[data-out]"), box.querySelector("[data-said]")];
  const sendable = new WeakSet(); // forms that were looked after
  let busy = false;
  let waits = false;

  /** "in", "out", or "away" where the server does not answer. */
  async function look() {
    try {
      const response = await fetch(box.dataset.url);
      const { signed_in: signedIn, token } = await response.json();
      for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = token;
      return signedIn ? "in" : "out";
    } catch {
      return "away";
    }
  }

  function show(state) {
    box.hidden = state === "in" && !waits;
    out.hidden = state !== "out";
    said.hidden = state === "out";
    said.textContent = state === "away" ? box.dataset.away : box.dataset.back;
  }

  function ended() {
    show("out");
    if (waits) return;
    waits = true;
    setTimeout(wait, EVERY);
  }

  async function wait() {
    if (document.hidden || (await look()) !== "in") return setTimeout(wait, EVERY);
    show("in");
    waits = false;
    document.dispatchEvent(new Event("tracsync:signed-in"));
  }

  document.addEventListener("tracsync:signed-out", ended);
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
    if (form.id === "logout-form" || sendable.delete(form)) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    const state = await look();
    busy = false;
    if (state === "out") return ended();
    if (state === "away") return show(state);
    box.hidden = true;
    sendable.add(form);
    form.requestSubmit(event.submitter);
  });
})();
