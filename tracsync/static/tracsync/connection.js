// Tests the connection with what a resource's form says, and shows the answer in its place.

(() => {
  const panel = document.getElementById("connection");
  const form = panel?.closest("form");
  if (!form) return;
  const result = document.getElementById("connection-result");
  const buttons = panel.querySelectorAll("button");

  function say(text) {
    const paragraph = document.createElement("p");
    paragraph.className = "tracsync-note";
    paragraph.textContent = text;
    result.replaceChildren(paragraph);
  }

  async function test(set) {
    const data = new FormData(form);
    data.set(panel.dataset.set, set);
    say(panel.dataset.testing);
    const response = await fetch(panel.dataset.url, { method: "POST", body: data }).catch(() => null);
    if (response?.redirected) {
      result.replaceChildren();
      document.dispatchEvent(new Event("tracsync:signed-out"));
    } else if (!response?.ok) say(`${panel.dataset.failed} ${response?.status ?? ""}`);
    else result.innerHTML = await response.text();
  }

  for (const button of buttons) {
    button.addEventListener("click", async () => {
      for (const one of buttons) one.disabled = true;
      await test(button.value);
      for (const one of buttons) one.disabled = false;
      button.focus();
    });
  }
  panel.hidden = false;
})();
