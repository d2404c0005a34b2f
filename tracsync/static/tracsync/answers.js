// Trying the answer rules of a destination's form as it stands, without leaving it.

(() => {
  const panel = document.getElementById("answers");
  const form = panel && document.getElementById(panel.dataset.form);
  if (!form) return;

  const text = document.getElementById("answers-text");
  const operation = document.getElementById("answers-operation");
  const result = document.getElementById("answers-result");

  function say(words) {
    const paragraph = document.createElement("p");
    paragraph.className = "tracsync-note";
    paragraph.textContent = words;
    result.replaceChildren(paragraph);
  }

  async function asked(url, options) {
    const response = await fetch(url, options);
    if (response.redirected || !response.ok) throw new Error(`${panel.dataset.failed} ${response.status}`);
    return response;
  }

  async function tryIt() {
    try {
      const response = await asked(panel.dataset.url, { method: "POST", body: new FormData(form) });
      result.innerHTML = await response.text();
    } catch (error) {
      say(error.message);
    }
  }

  async function takeLast() {
    try {
      const last = await (await asked(panel.dataset.last, {})).json();
      if (last.nothing) return say(last.nothing);
      text.value = last.answer;
      operation.value = last.operation;
      await tryIt();
    } catch (error) {
      say(error.message);
    }
  }

  function instead(button, act) {
    button?.addEventListener("click", (event) => {
      event.preventDefault();
      act();
    });
  }

  instead(panel.querySelector("[data-try]"), tryIt);
  instead(panel.querySelector("[data-take-last]"), takeLast);
})();
