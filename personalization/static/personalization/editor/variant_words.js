/* Says below a field how many characters it has, of how many; speaks only when the limit comes near. */
const NEAR = 10;

class CountController extends window.StimulusModule.Controller {
  static values = { limit: Number };

  connect() {
    this.told = document.createElement('p');
    this.told.className = 'slot-count';
    this.spoken = document.createElement('span');
    this.spoken.className = 'w-sr-only';
    this.spoken.setAttribute('role', 'status');
    this.element.after(this.told, this.spoken);
    this.listener = () => this.count();
    this.element.addEventListener('input', this.listener);
    this.count();
    this.spoken.textContent = '';
  }

  disconnect() {
    this.element.removeEventListener('input', this.listener);
    this.told.remove();
    this.spoken.remove();
  }

  count() {
    // As Python counts: a character beyond the basic plane is one.
    const number = [...this.element.value].length;
    this.told.textContent = `${number} / ${this.limitValue}`;
    this.told.classList.toggle('slot-count--over', number > this.limitValue);
    this.spoken.textContent = number > this.limitValue - NEAR ? this.told.textContent : '';
  }
}

window.wagtail.app.register('slot-count', CountController);
