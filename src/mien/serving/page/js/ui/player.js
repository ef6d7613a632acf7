// The videos and cameras of a visit: the one on the stage is read or played, with its buttons and its timelines.
import { Events } from "../events.js";
import { Camera } from "./camera.js";
import { EventList } from "./event-list.js";
import { FilmBar } from "./film-bar.js";
import { asPageError } from "./page-error.js";
import { Timeline } from "./timeline.js";
import { Tracks } from "./tracks.js";

const DRAWN_MS = 120; // between two drawings of the timelines and the list of faces

// Tells "prediction" {item, prediction, due}: what is on screen, and whether it is time to draw the slower parts;
// "failed" {item, error, again}; "changed": the strip is to be drawn.
export class Player extends EventTarget {
  items = [];
  #stage;
  #read;
  #newFilm;
  #rules;
  #events;
  #current = null;
  #drawn = 0;
  #timeline = new Timeline();
  #bar = new FilmBar((what, value) => this.press(what, value));

  // `read(bitmap, {name, seconds, live})` answers with a prediction; `newFilm(file, reading)` makes a video that is read;
  // `rules()` answers with what makes an event.
  constructor(stage, read, newFilm, rules) {
    super();
    this.#rules = rules;
    this.#events = new EventList(rules);
    this.#stage = stage;
    this.#read = read;
    this.#newFilm = newFilm;
    for (const one of [this.#timeline, this.#events]) one.addEventListener("seek", ({ detail }) => this.press("seek", detail));
  }

  addVideo(file) {
    return this.#add((item) => this.#newFilm(file, this.#reading(item)), { file });
  }

  addCamera(name) {
    return this.#add((item) => new Camera(this.#stage.video, name, this.#reading(item)), {});
  }

  // Put a video or camera on the stage and play it.
  async enter(item) {
    const { film } = item;
    this.#current = item;
    item.state = "read";
    if (film.ended) return this.#still(item);
    try {
      await film.open();
    } catch (error) {
      return this.#failed(item, error, () => this.enter(item));
    }
    if (item !== this.#current) return film.leave();
    this.#place(item);
    this.#bar.show(film);
    if (item.running) this.#timelines(item);
    else this.#run(item);
    if (film.shown) this.#tell(item, film.shown, true);
  }

  // Take it off the stage: a video pauses, a camera is let go, and dropped where it showed nothing yet.
  leave() {
    const item = this.#current;
    this.#current = null;
    item?.film.leave();
    if (item?.film.live && !item.film.frames.length) this.drop(item);
    this.#bar.show(null);
    this.#timeline.clear();
    this.#events.clear();
  }

  // Read every video again, as after a change of the weights.
  again() {
    for (const item of this.items.filter(({ film }) => !film.live)) {
      item.film.close();
      Object.assign(item, { state: "read", film: this.#newFilm(item.file, this.#reading(item)), tracks: new Tracks(), watch: null, running: false });
      this.#watch(item);
      if (item === this.#current) this.enter(item);
    }
  }

  drop(item) {
    item.film.close();
    this.items = this.items.filter((other) => other !== item);
  }

  clear() {
    this.leave();
    for (const { film } of this.items) film.close();
    this.items = [];
  }

  press(what, value) {
    const item = this.#current;
    if (!item) return;
    const { film } = item;
    const acts = {
      toggle: () => (film.paused ? film.resume() : film.pause()),
      step: () => film.step(),
      seek: () => film.seek?.(value),
      stop: () => this.#stop(item),
    };
    Promise.resolve(acts[what]()).catch((error) => this.#failed(item, error, () => film.resume())).finally(() => this.#bar.draw());
    this.#bar.draw();
  }

  // Say everything in the language of the moment.
  relabel() {
    this.#bar.draw();
    if (this.#current) this.#timelines(this.#current);
  }

  #add(make, more) {
    const item = { state: "read", shown: null, tracks: new Tracks(), watch: null, running: false, ...more };
    item.film = make(item);
    item.name = item.film.name;
    this.items.push(item);
    this.#watch(item);
    return item;
  }

  #reading(item) {
    return async (bitmap, seconds) => {
      const { film } = item;
      item.shown ??= await createImageBitmap(bitmap);
      const prediction = await this.#read(bitmap, { name: item.name, seconds, live: film.live });
      const rules = await this.#rules();
      if (film !== item.film) return prediction; // read again meanwhile
      if (prediction.faces.every((face) => face.track_id === null)) item.tracks.follow(prediction.faces, seconds);
      item.watch ??= new Events(rules);
      film.events.push(...item.watch.add(prediction));
      return prediction;
    };
  }

  #watch(item) {
    const { film } = item;
    film.addEventListener("frame", ({ detail }) => this.#arrived(item, detail));
    film.addEventListener("shown", ({ detail }) => this.#tell(item, detail ?? { source: item.name, faces: [] }, false));
    film.addEventListener("sent", () => this.#bar.draw());
    film.addEventListener("finished", () => this.#finished(item));
  }

  #finished(item) {
    item.film.events.push(...(item.watch?.end() ?? []));
    if (item !== this.#current) return;
    this.#timelines(item);
    if (item.film.shown) this.#tell(item, item.film.shown, true);
  }

  #run(item) {
    const { film } = item;
    Object.assign(item, { state: "read", running: true });
    const end = film.run();
    this.#timelines(item); // without the rows of a try before, where it starts again
    end.catch((error) => {
      if (film !== item.film) return; // read again meanwhile
      item.running = false;
      film.pause();
      if (film.ended && item === this.#current) this.#still(item);
      this.#failed(item, error, () => (this.#run(item), film.resume()));
    });
  }

  // The video on the stage, or the place of its frames where the browser cannot play it.
  #place({ film }) {
    const [first] = film.frames;
    if (!film.unseen) this.#stage.showVideo(film.live);
    else if (first) this.#stage.showImage(null, first.width, first.height);
  }

  #arrived(item, prediction) {
    if (item !== this.#current) return;
    if (item.film.unseen && item.film.frames.length === 1) this.#place(item);
    this.#timeline.add(prediction);
    if (item.film.frames.length === 1) this.dispatchEvent(new Event("changed"));
    this.#tell(item, prediction, false);
  }

  #tell(item, prediction, always) {
    if (item !== this.#current) return;
    const { film } = item;
    const due = always || film.paused || performance.now() - this.#drawn >= DRAWN_MS;
    this.dispatchEvent(new CustomEvent("prediction", { detail: { item, prediction, due } }));
    this.#bar.draw();
    if (!due) return;
    this.#drawn = performance.now();
    this.#draw(film);
  }

  #draw(film) {
    this.#timeline.draw(film);
    this.#events.show(film);
  }

  #timelines({ film }) {
    this.#timeline.clear();
    this.#events.clear();
    this.#timeline.gap = film.gap;
    for (const frame of film.frames) this.#timeline.add(frame);
    this.#draw(film);
    this.#bar.draw();
  }

  // Read one frame more, which stays on the stage.
  async #stop(item) {
    item.shown = null;
    await item.film.step();
    item.film.leave();
    if (item === this.#current) this.#still(item);
  }

  // A camera that was let go shows its last frame; its rows are still there to download.
  #still(item) {
    const last = item.film.frames.at(-1);
    this.#bar.show(null);
    if (!last) return;
    this.#stage.showImage(item.shown, last.width, last.height);
    this.#timelines(item);
    this.#tell(item, last, true);
  }

  #failed(item, error, again) {
    item.error = asPageError(error);
    if (!item.film.frames.length) item.state = "failed";
    if (item === this.#current) this.#timelines(item); // with what was read last
    this.dispatchEvent(new CustomEvent("failed", { detail: { item, error: item.error, again } }));
  }
}
