/* Count down until a reply leaves, and then say what became of it. Without this file the page says how it was when it was asked for. */
"use strict";

(() => {
  const delivery = document.querySelector("[data-delivery]");
  const undo = document.querySelector("[data-undo]");
  const title = undo?.querySelector("[data-countdown]");
  const words = title ? JSON.parse(document.getElementById("countdown").textContent) : [];
  // Seconds between one look and the next; then whoever wants to know loads the page.
  const waits = [2, 2, 3, 5, 8, 15, 30, 60];

  const over = () => {
    if (!undo?.isConnected) return;
    const focused = undo.contains(document.activeElement);
    undo.remove();
    if (focused) document.getElementById("main").focus();
  };

  const look = async () => {
    const answer = await fetch("?only=delivery", { redirect: "manual" }).catch(() => null);
    if (answer?.status === 200) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("section");
      // The same words again would be read out again.
      if (fresh.textContent !== delivery.firstElementChild.textContent) delivery.replaceChildren(fresh);
      if (!fresh.hasAttribute("data-undoable")) over();
      if (!fresh.hasAttribute("data-moving")) return;
    }
    if (waits.length) setTimeout(look, 1000 * waits.shift());
  };

  const began = Date.now();
  const count = () => {
    const at = Math.floor((Date.now() - began) / 1000);
    title.textContent = words[Math.min(at, words.length - 1)];
    if (at < words.length - 1) setTimeout(count, 1000 - ((Date.now() - began) % 1000));
    else look();
  };

  if (words.length > 1) count();
  else look();
})();
