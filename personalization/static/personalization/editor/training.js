/* Asks again how training goes, every two seconds while something is under way, and tells screen readers of news. */
class TrainingController extends window.StimulusModule.Controller {
  static values = { url: String, active: Boolean };

  connect() {
    if (this.activeValue) this.later();
  }

  disconnect() {
    clearTimeout(this.timer);
  }

  later() {
    this.timer = setTimeout(() => this.ask(), 2000);
  }

  async ask() {
    try {
      const response = await fetch(this.urlValue, { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
      if (response.redirected || !response.ok) return;
      this.show(await response.text());
    } catch {
      this.later();
    }
  }

  show(html) {
    const fresh = new DOMParser().parseFromString(html, 'text/html').body.firstElementChild;
    const shown = this.element.firstElementChild;
    // A live region speaks whenever it changes: only real news may change it.
    if (fresh.textContent.trim() !== shown.textContent.trim()) shown.replaceWith(fresh);
    if (fresh.dataset.active === 'true') this.later();
    else this.element.parentElement.querySelector('button')?.removeAttribute('disabled');
  }
}

window.wagtail.app.register('slot-training', TrainingController);
