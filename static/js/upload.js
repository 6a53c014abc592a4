/* List the chosen files with their sizes, add to them, by dragging them here too, or take one out, say at once when they are too
   large together or too many, and show how far an upload is, with a way to stop it. Without this file the form is sent as it is. */
"use strict";

// Marks that turn text around would hide the real extension.
const shown = (name) => name.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");

const chooser = (input) => {
  const list = document.createElement("ul");
  const total = document.createElement("p");
  list.className = "file-list";
  total.className = "small";
  total.setAttribute("role", "status");
  input.after(list, total);
  if (window.matchMedia("(any-pointer: fine)").matches) {
    const hint = document.createElement("p");
    hint.className = "helptext";
    hint.textContent = input.dataset.drop;
    input.after(hint);
  }

  const unit = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const kilobytes = (bytes) => (bytes ? Math.max(1, bytes / 1024) : 0);
  const size = (bytes) => (bytes < 1_048_576 ? `${unit.format(kilobytes(bytes))} KB` : `${unit.format(bytes / 1_048_576)} MB`);
  let chosen = [];

  const fault = () => {
    if (chosen.length > Number(input.dataset.most)) return input.dataset.tooMany;
    return weight(chosen) > Number(input.dataset.limit) ? input.dataset.tooLarge : "";
  };

  const weight = (files) => files.reduce((sum, file) => sum + file.size, 0);
  const same = (one) => (other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

  const row = (file) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const bytes = document.createElement("span");
    const remove = document.createElement("button");
    name.textContent = shown(file.name);
    name.dir = "auto";
    bytes.textContent = size(file.size);
    remove.type = "button";
    remove.className = "link-button";
    remove.textContent = input.dataset.remove;
    remove.setAttribute("aria-label", `${input.dataset.remove}: ${name.textContent}`);
    remove.addEventListener("click", () => {
      chosen = chosen.filter((other) => other !== file);
      show();
      input.focus();
    });
    item.append(name, bytes, remove);
    return item;
  };

  const show = (added = "") => {
    const transfer = new DataTransfer();
    chosen.forEach((file) => transfer.items.add(file));
    input.files = transfer.files;
    list.replaceChildren(...chosen.map(row));
    const wrong = fault();
    // Of one file the size stands beside its name.
    const together = chosen.length > 1 ? input.dataset.together.replace("%(size)s", size(weight(chosen))) : "";
    total.textContent = wrong || `${added} ${together}`.trim();
    total.className = wrong ? "small errorlist" : "small";
    input.setCustomValidity(wrong);
    input.setAttribute("aria-invalid", Boolean(wrong));
  };

  // Whoever chooses a second time adds: browsers would drop the first choice in silence. What was too much starts afresh.
  const add = (added, words) => {
    const kept = fault() ? [] : chosen.filter((file) => !added.some(same(file)));
    chosen = [...kept, ...added];
    show(words);
  };
  input.addEventListener("change", () => add([...input.files]));
  input.addEventListener("files-dropped", ({ detail }) => {
    add(detail, input.dataset.added.replace("%(names)s", detail.map((file) => shown(file.name)).join(", ")));
    input.scrollIntoView({ block: "nearest" });
  });
};

/* Files may be dropped anywhere: beside the chooser the browser would open them in place of the form. */
const takesDrops = () => {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const open = () => document.querySelector("main input[type=file][data-limit]");
  const mark = (on) => document.querySelector("main").classList.toggle("dropping", on);
  // A folder comes as a file that can't be read.
  const isFile = (item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory;

  document.addEventListener("dragover", (event) => {
    if (!carries(event) || !open()) return;
    event.preventDefault();
    const busy = document.querySelector("[data-upload-cancel]")?.checkVisibility();
    event.dataTransfer.dropEffect = busy ? "none" : "copy";
    mark(!busy);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  document.addEventListener("drop", (event) => {
    mark(false);
    if (!carries(event) || !open()) return;
    event.preventDefault();
    const files = [...event.dataTransfer.items].filter(isFile).map((item) => item.getAsFile());
    if (files.length) open().dispatchEvent(new CustomEvent("files-dropped", { detail: files }));
  });
};

const replyForm = (form) => {
  const panel = form.querySelector("[data-upload]");
  const input = form.querySelector("input[type=file]");
  if (!panel || !input) return;
  const label = panel.querySelector("label");
  const bar = panel.querySelector("progress");
  const status = panel.querySelector("[data-upload-status]");
  const cancel = panel.querySelector("[data-upload-cancel]");
  const buttons = [...form.querySelectorAll("button[type=submit]")];
  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });

  const idle = (words) => {
    label.hidden = true;
    bar.hidden = true;
    cancel.hidden = true;
    status.textContent = words;
    buttons.forEach((button) => (button.disabled = false));
    buttons[0].focus();
    // The text is unsaved again: a draft of it may be saved now.
    form.elements.text.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const busy = () => {
    panel.hidden = false;
    label.hidden = false;
    bar.hidden = false;
    cancel.hidden = false;
    bar.value = 0;
    status.textContent = "";
    buttons.forEach((button) => (button.disabled = true));
    cancel.focus();
  };

  /* The files are still here: nobody has to choose them twice. */
  const keep = (main, again) => {
    again.files = input.files;
    main.querySelector("[data-files-again]")?.remove();
  };

  /* The form again, with what is wrong with it: our own page, put where this one was. */
  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("main");
    if (!main) return idle(form.dataset.uploadFailed);
    document.querySelector("main").replaceWith(main);
    document.title = page.title;
    const again = main.querySelector("input[type=file]");
    if (again) keep(main, again);
    main.dispatchEvent(new Event("form-again", { bubbles: true }));
    again?.dispatchEvent(new Event("change"));
    const said = main.querySelector(".error-summary") ?? main;
    said.focus();
    said.scrollIntoView();
  };

  const send = (button) => {
    const data = new FormData(form);
    // Older browsers leave the button out, and a draft would be sent.
    data.set(button.name, button.value);
    const request = new XMLHttpRequest();
    request.open("POST", window.location.pathname);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.upload.addEventListener("progress", (event) => {
      document.dispatchEvent(new Event("upload-goes-on"));
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      status.textContent = event.loaded < event.total ? percent.format(event.loaded / event.total) : form.dataset.uploadDone;
    });
    request.upload.addEventListener("load", () => (cancel.hidden = true));
    request.addEventListener("load", () => {
      const type = request.getResponseHeader("Content-Type") || "";
      if (request.status === 200 && type.startsWith("application/json")) {
        window.location.assign(JSON.parse(request.responseText).location);
      } else if ([200, 403, 409].includes(request.status)) show(request.responseText);
      else if (request.status === 413) idle(form.dataset.uploadTooLarge);
      else idle(form.dataset.uploadFailed);
    });
    request.addEventListener("error", () => idle(form.dataset.uploadFailed));
    request.addEventListener("abort", () => idle(form.dataset.uploadCancelled));
    cancel.onclick = () => request.abort();
    busy();
    request.send(data);
  };

  form.addEventListener("submit", (event) => {
    // Without files there is nothing to wait for.
    if (!input.files.length || !event.submitter) return;
    event.preventDefault();
    // What is wrong is said below the chooser; sending it would only say it later.
    if (input.validity.valid) send(event.submitter);
    else input.focus();
  });
};

const begin = (root) => {
  root.querySelectorAll("input[type=file][data-limit]").forEach(chooser);
  root.querySelectorAll("form[data-reply]").forEach(replyForm);
};
document.addEventListener("form-again", (event) => begin(event.target));
begin(document);
takesDrops();
