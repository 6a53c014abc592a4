/* List the chosen files with their sizes, and say at once when they are too large together. */
"use strict";

document.querySelectorAll("input[type=file][data-limit]").forEach((input) => {
  const list = document.createElement("ul");
  const total = document.createElement("p");
  list.className = "file-list";
  total.className = "small";
  total.setAttribute("role", "status");
  input.after(list, total);

  const unit = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const size = (bytes) => (bytes < 1_048_576 ? `${unit.format(bytes / 1024)} KB` : `${unit.format(bytes / 1_048_576)} MB`);

  input.addEventListener("change", () => {
    const files = [...input.files];
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    list.replaceChildren(
      ...files.map((file) => {
        const row = document.createElement("li");
        const name = document.createElement("span");
        const weight = document.createElement("span");
        name.textContent = file.name;
        weight.textContent = size(file.size);
        row.append(name, weight);
        return row;
      }),
    );
    const over = bytes > Number(input.dataset.limit);
    total.textContent = files.length ? (over ? input.dataset.tooLarge : size(bytes)) : "";
    input.setCustomValidity(over ? input.dataset.tooLarge : "");
  });
});
