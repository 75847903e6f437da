/* Scales frames of fixed widths to the room there is, so that a desktop's look fits beside a form. */
class FramesController extends window.StimulusModule.Controller {
  static targets = ['screen'];

  connect() {
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.element);
  }

  disconnect() {
    this.observer.disconnect();
  }

  fit() {
    this.screenTargets.forEach((screen) => {
      const frame = screen.firstElementChild;
      const scale = Math.min(1, screen.clientWidth / Number(frame.width));
      frame.style.transform = `scale(${scale})`;
      screen.style.blockSize = `${Number(frame.height) * scale}px`;
    });
  }
}

window.wagtail.app.register('slot-frames', FramesController);
