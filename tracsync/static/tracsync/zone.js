// Offers the browser's own time zone, where the list of zones has it and it is not chosen already.

(() => {
  const offer = document.querySelector("[data-zone-for]");
  const select = offer && document.getElementById(offer.dataset.zoneFor);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...(select?.options ?? [])].find((one) => one.value === zone);
  if (!option || option.selected) return;

  offer.querySelector("span").textContent = option.text;
  offer.querySelector("button").addEventListener("click", () => {
    select.value = zone;
    offer.hidden = true;
    select.focus();
  });
  offer.hidden = false;
})();
