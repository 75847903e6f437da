/* The queue by keys: j and k move, x ticks, Enter opens, a, c and r ask for the decision; "?" is Wagtail's own list. */
class QueueController extends window.StimulusModule.Controller {
  static targets = ['row', 'box', 'link', 'all', 'ask', 'said'];

  static values = { open: String, none: String, one: String, many: String };

  connect() {
    const config = document.getElementById('wagtail-config');
    // Whoever speaks to the machine, or types by accident, switches single keys off in their account.
    this.hasKeys = JSON.parse(config?.textContent || '{}').KEYBOARD_SHORTCUTS_ENABLED !== false;
    this.keys = { j: () => this.move(1), k: () => this.move(-1), x: () => this.tick() };
    this.askTargets.forEach((button) => {
      this.keys[button.getAttribute('aria-keyshortcuts')] = () => this.ask({ params: { name: button.dataset.slotQueueNameParam } });
    });
    this.count();
    // Wagtail moves its dialogs to their places once all controllers are connected.
    setTimeout(() => this.settle());
  }

  settle() {
    const keys = document.getElementById('variant-queue-keys');
    document.querySelector('#keyboard-shortcuts-dialog table')?.prepend(keys.content.cloneNode(true));
    if (this.openValue) this.show(this.openValue);
  }

  press(event) {
    const { key, target } = event;
    const isTyping = target.matches('input:not([type="checkbox"]), textarea, select, [contenteditable]');
    const isElsewhere = event.ctrlKey || event.metaKey || event.altKey || document.querySelector('.w-dialog:not([aria-hidden])');
    if (!this.hasKeys || isTyping || isElsewhere) return;
    if (key === 'Enter' && target.matches('[name="variant"]')) {
      event.preventDefault();
      target.closest('tr').querySelector('[data-slot-queue-target="link"]').click();
    } else if (Object.hasOwn(this.keys, key)) {
      event.preventDefault();
      this.keys[key]();
    }
  }

  get current() {
    return this.rowTargets.findIndex((row) => row.classList.contains('slot-queue__row--current'));
  }

  move(step) {
    const next = Math.min(Math.max(this.current + step, 0), this.rowTargets.length - 1);
    const row = this.rowTargets[next];
    row.querySelector('[data-slot-queue-target="link"]').focus();
    row.scrollIntoView({ block: 'nearest' });
  }

  follow(event) {
    const row = event.target.closest('[data-slot-queue-target="row"]');
    if (!row) return;
    this.rowTargets.forEach((one) => one.classList.toggle('slot-queue__row--current', one === row));
  }

  tick() {
    const box = this.rowTargets[this.current]?.querySelector('[data-slot-queue-target="box"]');
    if (!box) return;
    box.checked = !box.checked;
    this.count();
  }

  tickAll({ target }) {
    this.boxTargets.forEach((box) => {
      box.checked = target.checked;
    });
    this.count();
  }

  get number() {
    return this.boxTargets.filter((box) => box.checked).length;
  }

  get words() {
    if (!this.number) return this.noneValue;
    return this.number === 1 ? this.oneValue : this.manyValue.replace('%s', this.number);
  }

  count() {
    if (!this.hasSaidTarget) return;
    this.saidTarget.textContent = this.words;
    this.askTargets.forEach((button) => {
      button.disabled = !this.number;
    });
    this.allTarget.checked = this.number > 0 && this.number === this.boxTargets.length;
    this.allTarget.indeterminate = this.number > 0 && this.number < this.boxTargets.length;
    this.boxTargets.forEach((box) => box.closest('tr').classList.toggle('slot-queue__row--ticked', box.checked));
  }

  ask({ params }) {
    if (!this.number) this.tick();
    if (this.number) this.show(params.name);
  }

  show(name) {
    const dialog = document.getElementById(`decide-${name}`);
    dialog.querySelector('[data-number]').textContent = this.words;
    dialog.dispatchEvent(new CustomEvent('w-dialog:show'));
    dialog.querySelector('textarea, select').focus();
  }

  check(event) {
    const dialog = event.submitter?.closest('.w-dialog');
    const fields = [...(dialog?.querySelectorAll('textarea, select') || [])];
    // Required fields of the other decisions must not stand in the way of this one.
    if (!dialog || !fields.every((field) => field.reportValidity())) event.preventDefault();
  }
}

window.wagtail.app.register('slot-queue', QueueController);
