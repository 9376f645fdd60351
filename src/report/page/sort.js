// Sorts a table by a column when its heading is clicked; without scripts the tables are complete, only unsorted.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text);
    return Number.isNaN(number) ? text : number;
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
      rows.sort((one, other) => {
        const [a, b] = [value(one, column), value(other, column)];
        if (a === "n/a" || b === "n/a") return (a === "n/a") - (b === "n/a");
        return sign * (typeof a === typeof b ? (a > b) - (a < b) : typeof a === "number" ? -1 : 1);
      });
      body.prepend(...rows);
    });
  });
}
