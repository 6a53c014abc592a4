/* Show a password while it is typed, and hide it again before it is sent. Without this file there is no button. */
"use strict";

document.querySelectorAll("[data-shows]").forEach((button) => {
  const input = document.getElementById(button.dataset.shows);
  const words = { password: button.textContent, text: button.dataset.hide };
  const turn = (type) => {
    input.type = type;
    button.textContent = words[type];
  };
  button.hidden = false;
  button.addEventListener("click", () => turn(input.type === "text" ? "password" : "text"));
  // Browsers offer to keep a password, but remember what was typed into any other field.
  input.form.addEventListener("submit", () => turn("password"));
});
