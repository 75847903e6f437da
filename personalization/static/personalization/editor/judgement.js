/* Sends a thumb, or a comment, without leaving the page; where that fails the form is sent as browsers do. */
class JudgementController extends window.StimulusModule.Controller {
  static targets = ['said'];

  async send(event) {
    const { submitter, target: form } = event;
    if (this.gaveUp || !submitter) return;
    event.preventDefault();
    const response = await fetch(form.action, {
      method: 'POST',
      body: new FormData(form, submitter),
      headers: { 'X-Requested-With': 'XMLHttpRequest' },
    }).catch(() => null);
    if (!response || response.redirected || (!response.ok && response.status !== 400)) {
      this.gaveUp = true;
      form.requestSubmit(submitter);
      return;
    }
    this.show(await response.text(), submitter.dataset.thumb, response.ok);
  }

  show(html, thumb, isKept) {
    const isOpen = this.element.querySelector('details').open;
    const fresh = new DOMParser().parseFromString(html, 'text/html').querySelector('.slot-judgement');
    if (!fresh) return;
    this.element.innerHTML = fresh.innerHTML;
    this.element.querySelector('details').open ||= isOpen;
    const error = this.element.querySelector('.error-message');
    const next = error ? 'textarea' : `[data-thumb="${thumb}"]`;
    (this.element.querySelector(next) || this.element.querySelector('[data-thumb]')).focus();
    if (isKept) this.saidTarget.textContent = this.element.dataset.kept;
  }
}

window.wagtail.app.register('slot-judgement', JudgementController);
