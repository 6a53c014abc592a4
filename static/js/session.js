/* Warn two minutes before the session ends, and extend it with one key. Without this file the foot says the limit.
   All windows of a session have one end: one that goes on tells the others, and so does one that signs out. */
"use strict";

(() => {
  const dialog = document.getElementById("session-warning");
  const seconds = Number(document.body.dataset.sessionSeconds);
  if (!dialog || !dialog.showModal || !seconds) return;

  const form = dialog.querySelector("form");
  const words = [...form.querySelectorAll("[data-session-words]")];
  const signOut = form.querySelector("[formaction]");
  const windows = "BroadcastChannel" in window ? new BroadcastChannel("session") : null;
  let end = 0;
  let warning = 0;
  let timer = 0;

  // The clock counts: timers stand still while a computer sleeps, and mail must not be on its screen in the morning.
  const LOOK = 20_000;

  /* Nothing of the mail stays on the screen. Not a reload: that would ask whether to send a form again. */
  const leave = () => window.location.replace(window.location.pathname + window.location.search);

  const say = (which) => words.forEach((each) => (each.hidden = !each.dataset.sessionWords.split(" ").includes(which)));

  const warn = () => {
    document.dispatchEvent(new Event("session-ends-soon"));
    say("soon");
    dialog.showModal();
  };

  const look = () => {
    clearTimeout(timer);
    const now = Date.now();
    if (now >= end) return leave();
    if (now >= end - warning && !dialog.open && !dialog.dataset.last) warn();
    const next = dialog.open || dialog.dataset.last ? end : end - warning;
    timer = setTimeout(look, Math.min(LOOK, Math.max(0, next - now)));
  };

  const goOn = (left) => {
    // Two seconds late, so that the session is over when the page is asked for again.
    end = Date.now() + 1000 * left + 2000;
    warning = Math.min(120_000, 500 * left) + 2000;
    look();
  };

  const extend = async () => {
    const answer = await fetch(document.body.dataset.sessionUrl, {
      method: "POST",
      body: new FormData(form),
      redirect: "manual",
    }).catch(() => null);
    if (!answer) return "unreached";
    if (answer.status !== 204) return "over";
    const left = Number(answer.headers.get("Session-Seconds"));
    // After a working day it ends whatever one does, and that is said once.
    const more = left > 120;
    if (!more) dialog.dataset.last = "yes";
    goOn(left);
    windows?.postMessage({ end });
    return more ? "on" : "last";
  };

  form.addEventListener("submit", async (event) => {
    if (event.submitter === signOut) return;
    event.preventDefault();
    if (dialog.dataset.last) return dialog.close();
    const now = await extend();
    if (now === "on") dialog.close();
    else if (now === "over") leave();
    else say(now);
  });

  // Whoever writes a long reply is there, or sends large files: that extends the session, once a minute at most.
  let extended = Date.now();
  const used = () => {
    if (Date.now() - extended < 60_000 || dialog.dataset.last) return;
    extended = Date.now();
    extend();
  };
  document.addEventListener("input", used);
  document.addEventListener("upload-goes-on", used);

  windows?.addEventListener("message", ({ data }) => {
    if (data.signsOut) {
      document.dispatchEvent(new Event("session-ends-soon"));
      document.body.hidden = true;
      setTimeout(leave, 3000);
    } else if (data.end > end) {
      end = data.end;
      if (dialog.open && Date.now() < end - warning) dialog.close();
      look();
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.submitter === signOut || event.target.action === signOut.formAction) windows?.postMessage({ signsOut: true });
  });

  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", look);
  goOn(seconds);
  windows?.postMessage({ end });
})();
