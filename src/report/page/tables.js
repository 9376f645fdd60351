// Sorts a table by a column when its heading is clicked, and filters its rows; without scripts the tables are complete, only unsorted.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim().replace("−", "-");
    const number = parseFloat(text);
    return Number.isNaN(number) || column === 0 ? text : number;
  };
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const sign = cell.getAttribute("aria-sort") === "descending" ? 1 : -1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...body.rows].filter((row) => !row.classList.contains("mean"));
      const empty = (text) => text === "n/a" || text === "" || text === "–";
      rows.sort((one, other) => {
        const [a, b] = [value(one, column), value(other, column)];
        if (empty(a) || empty(b)) return empty(a) - empty(b);
        return sign * (typeof a === typeof b ? (typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b) : typeof a === "number" ? -1 : 1);
      });
      body.prepend(...rows);
    });
  });
  if (body.rows.length < 9) continue;
  const filter = document.createElement("input"), words = document.createElement("label");
  filter.type = "search";
  filter.placeholder = "filter rows";
  filter.setAttribute("aria-label", "filter the rows of this table");
  words.className = "filter";
  words.append(filter);
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !row.classList.contains("mean") && !wanted.every((word) => text.includes(word));
    }
  });
  table.parentElement.before(words);
}

// On paper, everything is unfolded.
const unfolded = [];
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    unfolded.push(part);
  }
});
addEventListener("afterprint", () => unfolded.splice(0).forEach((part) => (part.open = false)));
