/* Asks again how a request goes, every two seconds while it is under way, and renews only the pieces that have news. */
class ProgressController extends window.StimulusModule.Controller {
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
      this.show(new DOMParser().parseFromString(await response.text(), 'text/html').body.firstElementChild);
    } catch {
      this.later();
    }
  }

  show(fresh) {
    fresh.querySelectorAll('[data-piece]').forEach((piece) => {
      const shown = document.getElementById(piece.id);
      // A live region speaks, and the focus is lost, whenever a piece changes: only news may change it.
      if (!shown || shown.textContent === piece.textContent) return;
      const wasOpen = shown.querySelector('details')?.open;
      shown.replaceWith(piece);
      if (wasOpen) piece.querySelector('details').open = true;
    });
    if (fresh.dataset.active === 'true') this.later();
  }
}

window.wagtail.app.register('slot-progress', ProgressController);
