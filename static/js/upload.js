/* List the chosen files with their sizes, say at once when they are too large together or too many,
   and show how far an upload is, with a way to stop it. Without this file the form is sent as it is. */
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

  const fault = (count, bytes) => {
    if (count > Number(input.dataset.most)) return input.dataset.tooMany;
    return bytes > Number(input.dataset.limit) ? input.dataset.tooLarge : "";
  };

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
    const wrong = fault(files.length, bytes);
    total.textContent = files.length ? wrong || size(bytes) : "";
    total.className = wrong ? "small errorlist" : "small";
    input.setCustomValidity(wrong);
    input.setAttribute("aria-invalid", Boolean(wrong));
  });
});

document.querySelectorAll("form[data-reply]").forEach((form) => {
  const panel = form.querySelector("[data-upload]");
  const input = form.querySelector("input[type=file]");
  if (!panel || !input) return;
  const bar = panel.querySelector("progress");
  const status = panel.querySelector("[data-upload-status]");
  const cancel = panel.querySelector("[data-upload-cancel]");
  const buttons = [...form.querySelectorAll("button[type=submit]")];
  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });

  const idle = (words) => {
    bar.hidden = true;
    cancel.hidden = true;
    status.textContent = words;
    buttons.forEach((button) => (button.disabled = false));
    buttons[0].focus();
  };

  const busy = () => {
    panel.hidden = false;
    bar.hidden = false;
    cancel.hidden = false;
    bar.value = 0;
    status.textContent = "";
    buttons.forEach((button) => (button.disabled = true));
    cancel.focus();
  };

  /* The form again, with what is wrong with it: our own page, put where this one was. */
  const show = (html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector("main");
    if (!main) return idle(form.dataset.uploadFailed);
    // Its text is ours to keep; the scripts of this page don't know the new form.
    document.querySelector("main").replaceWith(main);
    document.title = page.title;
    main.querySelector(".error-summary")?.focus();
  };

  const send = (button) => {
    const data = new FormData(form);
    // Older browsers leave the button out, and a draft would be sent.
    data.set(button.name, button.value);
    const request = new XMLHttpRequest();
    request.open("POST", window.location.pathname);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      status.textContent = event.loaded < event.total ? percent.format(event.loaded / event.total) : form.dataset.uploadDone;
    });
    request.upload.addEventListener("load", () => (cancel.hidden = true));
    request.addEventListener("load", () => {
      const type = request.getResponseHeader("Content-Type") || "";
      if (request.status === 200 && type.startsWith("application/json")) {
        window.location.assign(JSON.parse(request.responseText).location);
      } else if (request.status === 200) show(request.responseText);
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
});
