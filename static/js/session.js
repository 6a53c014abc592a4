/* Warn two minutes before the session ends, and extend it with one key. Without this file the foot says the limit. */
"use strict";

(() => {
  const dialog = document.getElementById("session-warning");
  const limit = Number(document.body.dataset.sessionSeconds) * 1000;
  if (!dialog || !dialog.showModal || !limit) return;

  const WARN_BEFORE = Math.min(120_000, limit / 2);
  let timers = [];

  const start = () => {
    timers.forEach(clearTimeout);
    timers = [
      setTimeout(() => dialog.showModal(), limit - WARN_BEFORE),
      // Past the limit nothing of the mail stays on the screen.
      setTimeout(() => window.location.reload(), limit + 2_000),
    ];
  };

  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(document.body.dataset.sessionUrl, {
      method: "POST",
      body: new FormData(event.target),
      headers: { Accept: "application/json" },
      redirect: "manual",
    }).catch(() => null);
    if (!answer || answer.status !== 204) {
      window.location.reload();
      return;
    }
    dialog.close();
    start();
  });

  start();
})();
