"use strict";
// The page is whole without this. It marks what ends soon, draws today, finds machines, and opens lists for paper.
const day = 86400;
const now = Date.now() / 1000;

for (const item of document.querySelectorAll("[data-ends]")) {
  const days = Math.floor((Number(item.dataset.ends) - now) / day);
  const state = days < 0 ? "past" : days < Number(item.dataset.soon) ? "soon" : "";
  if (!state) continue;
  if (item.tagName === "LI") {
    const mark = document.createElement("span");
    mark.className = state;
    mark.textContent = days < 0 ? `${-days} days ago` : `in ${days} days`;
    item.append(mark);
  } else {
    item.classList.add(`is-${state}`);
  }
}

for (const svg of document.querySelectorAll(".timeline")) {
  const { begin, end, left, width } = svg.dataset;
  if (now < begin || now > end) continue;
  const x = Number(left) + ((now - begin) * width) / (end - begin);
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("class", "today");
  line.setAttribute("d", `M${x} 24V${svg.viewBox.baseVal.height}`);
  svg.append(line);
}

const find = document.getElementById("find");
if (find) {
  const rows = [...document.querySelectorAll(".machines tbody tr")];
  find.closest(".filter").hidden = false;
  find.addEventListener("input", () => {
    const words = find.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = words !== "" && !row.textContent.toLowerCase().includes(words);
      if (!row.hidden) count += 1;
    }
    document.querySelectorAll(".list").forEach((list) => { list.open = words !== ""; });
    document.getElementById("found").textContent = words === "" ? "" : `${count} of ${rows.length} workers`;
  });
}

// Lists of files stay as they are: they are long, and alike.
addEventListener("beforeprint", () => {
  document.querySelectorAll(".list, #certificates details, #cis details").forEach((details) => { details.open = true; });
});
