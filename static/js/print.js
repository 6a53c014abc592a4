/* Print the page by its own button. Without this file there is none, and the browser's menu prints. */
"use strict";

document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
