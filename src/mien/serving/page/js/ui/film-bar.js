// The buttons and the slider below a video or camera.
import { clock, number, t } from "./words.js";
import { position } from "./timeline.js";

export class FilmBar {
  #box = document.getElementById("film");
  #run = document.getElementById("film-run");
  #step = document.getElementById("film-step");
  #stop = document.getElementById("film-stop");
  #at = document.getElementById("film-at");
  #clock = document.getElementById("film-clock");
  #film = null;

  // `act` is told what was pressed: toggle, step, stop, or seek with seconds.
  constructor(act) {
    this.#run.addEventListener("click", () => act("toggle"));
    this.#step.addEventListener("click", () => act("step"));
    this.#stop.addEventListener("click", () => act("stop"));
    this.#at.addEventListener("input", () => act("seek", Number(this.#at.value)));
  }

  show(film) {
    this.#film = film;
    this.#box.hidden = !film;
    if (!film) return;
    this.#stop.hidden = !film.live;
    this.#run.hidden = Boolean(film.unseen);
    this.#at.hidden = film.live;
    this.draw();
  }

  draw() {
    const film = this.#film;
    if (!film) return;
    this.#run.disabled = this.#step.disabled = Boolean(film.progress !== undefined && !film.finished);
    const doing = film.paused ? (film.finished ? "play" : "continue") : "pause";
    this.#run.textContent = t(`film.${doing}`);
    this.#at.disabled = !film.live && !film.paused && !film.finished;
    if (film.live) {
      this.#clock.textContent = film.rate ? t("live.rate", { n: number(film.rate, film.rate < 10 ? 1 : 0) }) : clock(film.at, 1);
      return;
    }
    Object.assign(this.#at, { max: film.end, value: film.at });
    this.#at.ariaValueText = clock(film.at, 1);
    if (film.sending) this.#clock.textContent = t("film.sending");
    else this.#clock.textContent = position(film.finished || film.paused ? "film.watched" : "film.reading", film.at, film.end);
  }
}
