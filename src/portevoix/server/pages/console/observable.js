/** A value that tells its listeners whenever it is replaced. */
export class Observable {
  #value;
  #listeners = new Set();

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  /** Tell `listener` the value now and from now on; returns what ends it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}
