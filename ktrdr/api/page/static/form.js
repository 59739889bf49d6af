// Dialogs that ask for something, send it, and stay open with the reason where it is refused.

import { byId, make, reconcile, setText, show } from "./dom.js";

// Opens the dialog `name`. `send` gets its fields by name, and returns what the page is to say when it is done.
export function ask(name, send, done) {
  const dialog = byId(name);
  const form = dialog.querySelector("form");
  const wrong = dialog.querySelector(".error");
  const button = form.querySelector("button[value=send]");
  show(wrong, false);
  form.onsubmit = async (event) => {
    if (event.submitter?.value !== "send") return;
    event.preventDefault();
    button.disabled = true;
    try {
      const told = await send(Object.fromEntries(new FormData(form)));
      dialog.close();
      done(told);
    } catch (error) {
      setText(wrong, [error.message, ...(error.more ?? [])].join("\n"));
      show(wrong, true);
    } finally {
      button.disabled = false;
    }
  };
  dialog.showModal();
}

// Offers `choices`, a list of {value, text}, in a select; what was chosen stays chosen while it is among them.
export function offer(id, choices) {
  reconcile(byId(id), choices, (one) => one.value, () => make("option"), (option, { value, text }) => {
    option.value = value;
    setText(option, text ?? value);
  });
}
