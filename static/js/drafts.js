/* Save what is written by itself: a moment after the last key, and when the session is about to end.
   Without this file there is the button. Files are saved by the button alone. */
"use strict";

const savesItself = (form) => {
  const PAUSE = 2_500;
  const status = form.querySelector("[data-draft-status]");
  let timer = 0;
  let running = null;
  let unsaved = false;

  const body = () => {
    const data = new FormData(form);
    data.delete("attachments");
    // What is ticked is taken out by the button, not while one looks at it.
    data.delete("remove");
    data.set("action", "autosave");
    return data;
  };

  const save = async () => {
    clearTimeout(timer);
    if (!unsaved || running) return;
    unsaved = false;
    running = new AbortController();
    const answer = await fetch(window.location.pathname, {
      method: "POST",
      body: body(),
      redirect: "manual",
      // Goes on when the window closes; browsers carry 64 KiB so.
      keepalive: document.visibilityState === "hidden" && form.elements.text.value.length < 15_000,
      signal: running.signal,
    }).catch(() => null);
    const stopped = running.signal.aborted;
    running = null;
    if (stopped) return;
    // What was typed meanwhile.
    if (unsaved) timer = setTimeout(save, PAUSE);
    if (answer && answer.status === 200) {
      status.textContent = (await answer.json()).at;
    } else {
      // Tried again with the next key, and when the window is left or the session ends.
      unsaved = true;
      status.textContent = form.dataset.notSaved;
    }
  };

  form.addEventListener("input", (event) => {
    if (event.target.name !== "text") return;
    unsaved = true;
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE);
  });

  document.addEventListener("session-ends-soon", save);
  // A window that is closed or left takes its last words along.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save();
  });

  // A save on its way must not come after the reply and bring the draft back.
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    unsaved = false;
    if (running) running.abort();
  });
};

document.querySelectorAll("form[data-reply]").forEach(savesItself);
// The same form, come back with what is wrong with it (upload.js).
document.addEventListener("form-again", (event) => event.target.querySelectorAll("form[data-reply]").forEach(savesItself));
