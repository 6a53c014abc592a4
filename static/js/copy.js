/* Copy what stands on the page, and say so. Without this file, or where the browser won't, there is no button. */
"use strict";

document.querySelectorAll("[data-copies]").forEach((button) => {
  if (!navigator.clipboard) return;
  const lines = document.getElementById(button.dataset.copies).children;
  const said = document.querySelector("[data-copy-said]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = [...lines].map((line) => line.textContent.trim()).join("\n");
    const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    said.textContent = done ? said.dataset.copySaid : said.dataset.copyFailed;
  });
});
