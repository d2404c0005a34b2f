// Shows how far running jobs are, again and again. Each one that says where to ask is replaced by the answer; one
// that has come to another stage has other buttons, so the page is loaded anew. Without this, a reload does it.

(() => {
  const EVERY = 2000; // milliseconds
  if (document.documentElement.dataset.watchesJobs) return; // included twice
  document.documentElement.dataset.watchesJobs = "yes";

  async function look(box) {
    const response = await fetch(box.dataset.poll).catch(() => null); // the server is away: ask again later
    if (!response?.ok || response.redirected) return;
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    const fresh = holder.content.querySelector("[data-stage]");
    if (!fresh) return;
    if (fresh.dataset.stage === box.dataset.stage) box.replaceWith(fresh);
    else location.reload();
  }

  async function lookAtAll() {
    if (!document.hidden) await Promise.all([...document.querySelectorAll("[data-poll][data-stage]")].map(look));
    setTimeout(lookAtAll, EVERY);
  }

  setTimeout(lookAtAll, EVERY);
})();
