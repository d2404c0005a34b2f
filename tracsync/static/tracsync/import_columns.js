// Shows what another kind of value makes of a column's first cells. Without this, the dry run tells it.

document.addEventListener("change", ({ target }) => {
  if (!target.matches(".tracsync-value-kind")) return;
  const readings = JSON.parse(target.dataset.readings);
  target.closest("tr").querySelector("td:last-child code").textContent = readings[target.value] || "-";
});
