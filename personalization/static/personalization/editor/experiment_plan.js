/* Asks the calculator again when the form changes, and puts its answer into the field of planned visitors. */
const FIELDS = ['coverage', 'holdout', 'minimum_effect', 'power'];

class PlanController extends window.StimulusModule.Controller {
  static values = { url: String };

  connect() {
    this.form = this.element.closest('form');
    this.offer();
  }

  disconnect() {
    clearTimeout(this.timer);
  }

  later(event) {
    if (!FIELDS.includes(event.target.name)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), 400);
  }

  async ask() {
    const asked = new URLSearchParams(FIELDS.map((name) => [name, this.form.elements[name].value]));
    this.asked = asked.toString();
    const response = await fetch(`${this.urlValue}?${asked}`, {
      headers: { 'X-Requested-With': 'XMLHttpRequest' },
    }).catch(() => null);
    // A slow answer to an earlier question is no answer to the last one.
    if (!response?.ok || response.redirected || asked.toString() !== this.asked) return;
    this.element.innerHTML = await response.text();
    this.offer();
  }

  offer() {
    const button = this.element.querySelector('[data-planned]');
    if (button) button.hidden = false;
  }

  take(event) {
    const planned = event.target.closest('[data-planned]')?.dataset.planned;
    if (!planned) return;
    const field = this.form.elements.planned_visitors;
    field.value = planned;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
  }
}

window.wagtail.app.register('slot-plan', PlanController);
