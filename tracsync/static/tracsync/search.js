// The search in the header: hits while one types, "/" leads to it, arrows go through the hits, Escape closes them.
// Without this, its form leads to a page with the same hits.

(() => {
  const form = document.querySelector("[data-search]");
  if (!form) return;

  const PAUSE = 150; // milliseconds after the last key
  const input = form.querySelector("input");
  const hits = document.getElementById("global-search-hits");
  const status = form.querySelector("[aria-live]");
  let timer;
  let asking;

  function say(text) {
    if (status.textContent !== text) status.textContent = text;
  }

  function close() {
    clearTimeout(timer);
    asking?.abort();
    hits.hidden = true;
    hits.replaceChildren();
    say("");
  }

  async function ask() {
    const text = input.value.trim();
    if (!text) return close();
    asking?.abort();
    asking = new AbortController();
    const query = new URLSearchParams({ q: text, piece: "1" });
    try {
      const response = await fetch(`${form.action}?${query}`, { signal: asking.signal });
      if (!response.ok || response.redirected) throw new Error(form.dataset.failed);
      hits.innerHTML = await response.text();
      hits.hidden = false;
      say(hits.firstElementChild.dataset.status);
    } catch (error) {
      if (error.name === "AbortError") return;
      close();
      say(form.dataset.failed);
    }
  }

  function places() {
    return [input, ...hits.querySelectorAll("a")];
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });

  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !hits.hidden) {
      event.preventDefault();
      close();
      input.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || hits.hidden) return;
    event.preventDefault();
    const all = places();
    const at = all.indexOf(document.activeElement);
    all[(at + step + all.length) % all.length].focus();
  });

  form.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !form.contains(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!form.contains(event.target)) close();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target;
    if (at.isContentEditable || at.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
})();
