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
      setTimeout(() => {
        document.dispatchEvent(new Event("session-ends-soon"));
        dialog.showModal();
      }, limit - WARN_BEFORE),
      // Past the limit nothing of the mail stays on the screen.
      setTimeout(() => window.location.reload(), limit + 2_000),
    ];
  };

  const form = dialog.querySelector("form");
  const extend = async () => {
    const answer = await fetch(document.body.dataset.sessionUrl, {
      method: "POST",
      body: new FormData(form),
      redirect: "manual",
    }).catch(() => null);
    if (answer && answer.status === 204) start();
    return Boolean(answer && answer.status === 204);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await extend()) dialog.close();
    else window.location.reload();
  });

  // Whoever writes a long reply is there: typing extends the session, once a minute at most.
  let extended = Date.now();
  document.addEventListener("input", () => {
    if (Date.now() - extended < 60_000) return;
    extended = Date.now();
    extend();
  });

  start();
})();
