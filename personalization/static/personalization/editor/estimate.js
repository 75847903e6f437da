/* Says what a request would take, whenever what is chosen has changed and the hand has come to rest. */
class EstimateController extends window.StimulusModule.Controller {
  static targets = ['shown'];

  static values = { url: String };

  /* What the estimate depends on. A note stays out of addresses, which are written into logs. */
  static names = ['items', 'slots', 'segments', 'template', 'words', 'alternatives', 'draws_image', 'locale'];

  connect() {
    this.later();
  }

  disconnect() {
    clearTimeout(this.timer);
    this.running?.abort();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), 300);
  }

  async ask() {
    this.running?.abort();
    this.running = new AbortController();
    const chosen = [...new FormData(this.element)].filter(([name]) => EstimateController.names.includes(name));
    try {
      const response = await fetch(`${this.urlValue}?${new URLSearchParams(chosen)}`, {
        headers: { 'X-Requested-With': 'XMLHttpRequest' },
        signal: this.running.signal,
      });
      if (response.ok && !response.redirected) this.show(await response.text());
    } catch {
      // What was shown before stays; the server says the same again when the form is sent.
    }
  }

  show(html) {
    const fresh = new DOMParser().parseFromString(html, 'text/html').body.firstElementChild;
    // A live region speaks whenever it changes: only news may change it.
    if (fresh.textContent !== this.shownTarget.firstElementChild.textContent) this.shownTarget.replaceChildren(fresh);
  }
}

window.wagtail.app.register('slot-estimate', EstimateController);
