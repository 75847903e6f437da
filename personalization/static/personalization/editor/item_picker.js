/* Opens Wagtail's window for choosing, with boxes to tick, and keeps what was ticked as a list. */
class ItemPickerController extends window.StimulusModule.Controller {
  static targets = ['list', 'row', 'opener'];

  static values = { url: String, name: String };

  choose() {
    window.ModalWorkflow({
      url: this.urlValue,
      urlParams: { multiple: 1 },
      onload: window.CHOOSER_MODAL_ONLOAD_HANDLERS,
      responses: { chosen: (items) => this.add(items) },
    });
  }

  add(items) {
    const known = new Set([...this.listTarget.querySelectorAll('input')].map((input) => input.value));
    items.filter((item) => !known.has(String(item.id))).forEach((item) => this.append(item));
    this.tell();
  }

  append({ id, title }) {
    const row = this.rowTarget.content.firstElementChild.cloneNode(true);
    const button = row.querySelector('button');
    row.querySelector('input').value = id;
    row.querySelector('span').textContent = title;
    button.setAttribute('aria-label', `${button.dataset.label} ${title}`);
    this.listTarget.append(row);
  }

  remove({ currentTarget }) {
    const row = currentTarget.closest('li');
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector('button') ?? this.openerTarget).focus();
    this.tell();
  }

  /* Whoever listens to the form learns that what was chosen has changed. */
  tell() {
    this.element.dispatchEvent(new Event('change', { bubbles: true }));
  }
}

window.wagtail.app.register('slot-item-picker', ItemPickerController);
