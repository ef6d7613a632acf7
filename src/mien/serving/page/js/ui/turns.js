// Does one thing after the other: a frame that is asked for waits for the one that is being read.
export class Turns {
  #last = Promise.resolve();

  take(act) {
    this.#last = this.#last.catch(() => {}).then(act); // the one before tells its own failure
    return this.#last;
  }
}
