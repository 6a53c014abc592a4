/* Say what Django's hints of its choosers are: pictures with words. Without this file they are named and nothing else. */
"use strict";

// After Django's own scripts, which draw them when the page has loaded.
window.addEventListener("load", () => {
  setTimeout(() => document.querySelectorAll(".help-tooltip").forEach((hint) => hint.setAttribute("role", "img")));
});
