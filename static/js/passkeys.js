/* Offer passkeys where there are scripts, and say in words that one could not be used: allauth's tell the console alone. */
"use strict";

document.querySelectorAll("[data-needs-script]").forEach((button) => (button.hidden = false));

const WORDS = { NotAllowedError: "refused", AbortError: "refused", InvalidStateError: "known" };

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const which = WORDS[event.detail.exception?.name] ?? "failed";
  document.querySelectorAll("[data-passkey-words]").forEach((each) => (each.hidden = each.dataset.passkeyWords !== which));
});
