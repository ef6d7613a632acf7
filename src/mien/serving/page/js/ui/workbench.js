// What is on the page at a moment: the images, the videos and cameras, and the one of them that is on the stage.
import { save } from "./download.js";
import { FaceList } from "./faces.js";
import { DeviceFilm } from "./film-device.js";
import { ServerFilm } from "./film-server.js";
import { isImage, isVideo } from "./intake.js";
import { PageError, asPageError, helpedByServer } from "./page-error.js";
import { Photos } from "./photos.js";
import { Player } from "./player.js";
import { Problem } from "./problem.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { asCsv, asJson, eventsAsCsv } from "./table.js";
import { about, trust, weak } from "./weights.js";
import { facesCounted, t } from "./words.js";

const SAID_MS = 5000; // between two counts of faces that a video or camera reads out

export class Workbench {
  #settings;
  #readers;
  #stage = new Stage();
  #faces = new FaceList();
  #problem = new Problem();
  #strip = new Strip((item) => this.#select(item));
  #photos = new Photos((file) => this.#readers.current.image(file, this.#options("image")));
  #player = new Player(this.#stage, (bitmap, frame) => this.#frame(bitmap, frame), (file, reading) => this.#film(file, reading), () => this.#eventRules());
  #current = null;
  #prediction = null;
  #said = { at: 0, count: null };

  constructor(settings, readers) {
    this.#settings = settings;
    this.#readers = readers;
    this.#photos.addEventListener("item", ({ detail }) => this.#changed(detail));
    this.#player.addEventListener("changed", () => this.#tiles());
    this.#player.addEventListener("failed", ({ detail }) => this.#broken(detail));
    this.#player.addEventListener("prediction", ({ detail }) => this.#moved(detail));
    for (const one of [this.#stage, this.#faces]) one.addEventListener("face", ({ detail }) => this.#choose(detail));
    this.#offerFiles();
    this.#empty();
  }

  // Take files; the first of them goes on the stage.
  take(files) {
    this.#problem.clear();
    const images = files.filter(isImage);
    const videos = files.filter((file) => !images.includes(file) && isVideo(file));
    const items = [...this.#photos.add(images), ...videos.map((file) => this.#player.addVideo(file))];
    if (items.length) this.#select(items[0]);
    const other = files.find((file) => !images.includes(file) && !videos.includes(file));
    if (other) this.#problem.show(new PageError("not_media", { name: other.name }));
  }

  openCamera() {
    this.#problem.clear();
    this.#select(this.#player.addCamera(t("camera.name")));
  }

  clear() {
    this.#player.clear();
    this.#photos.clear();
    this.#select(null);
  }

  // Read again after a change of the settings; a camera just goes on.
  again() {
    this.#problem.clear();
    if (!this.#current) this.#empty();
    this.#photos.again();
    this.#player.again();
  }

  // Say everything in the language of the moment.
  relabel() {
    this.#problem.again();
    this.#player.relabel();
    this.#tiles();
    if (this.#prediction) this.#show(this.#prediction, true);
    else if (!this.#current) this.#empty();
  }

  // Keys that work anywhere but in a control; returns whether the key was one.
  key(name) {
    const items = this.#items;
    const place = items.indexOf(this.#current);
    const acts = {
      ArrowRight: () => place < items.length - 1 && this.#select(items[place + 1]),
      ArrowLeft: () => place > 0 && this.#select(items[place - 1]),
      " ": () => this.#player.press("toggle"),
      ".": () => this.#player.press("step"),
    };
    if (!this.#current || !acts[name] || (!this.#current.film && !name.startsWith("Arrow"))) return false;
    acts[name]();
    return true;
  }

  get #items() {
    return [...this.#photos.items, ...this.#player.items];
  }

  #tiles() {
    this.#strip.show(this.#items, this.#current);
    this.#offer();
  }

  // Offer the files once there is something in them.
  #offer() {
    const { film } = this.#current ?? {};
    document.getElementById("downloads").hidden = !(film ? film.frames.length : this.#photos.someRead);
    document.getElementById("save-png").hidden = !this.#prediction;
    document.getElementById("save-events").hidden = !film?.events.length;
  }

  #options(kind) {
    const settings = this.#settings;
    const measures = settings.get("mode") === "server" && settings.get("measures");
    return { weights: settings.weightsFor(kind), prior: settings.get("prior"), abstain: settings.abstain, measures };
  }

  #select(item) {
    if (item && item === this.#current) return;
    this.#problem.clear();
    if (this.#current?.film) this.#player.leave();
    this.#current = item;
    this.#prediction = null;
    for (const [id, hidden] of [["drop", item], ["trust", true]]) document.getElementById(id).hidden = Boolean(hidden);
    this.#stage.clear();
    this.#faces.clear();
    this.#tiles();
    if (!item) return this.#empty();
    this.#photos.prefer(item.film ? null : item).then(() => item.film || this.#changed(item));
    if (item.film) this.#player.enter(item);
  }

  // ---- images

  #changed(item) {
    this.#tiles();
    if (item !== this.#current) return;
    if (item.state === "failed") return this.#failed(item);
    if (item.state !== "read") return this.#faces.wait(item.name);
    this.#stage.showImage(item.shown, item.prediction.width, item.prediction.height);
    this.#show(item.prediction, true);
    this.#say(item.prediction);
  }

  #failed(item) {
    this.#prediction = null;
    this.#empty();
    this.#stage.clear();
    this.#offer();
    this.#problem.show(item.error, this.#ways(item.error, () => this.#photos.retry(item)));
  }

  #ways(error, again) {
    const offered = this.#settings.get("mode") === "device" && helpedByServer(error);
    return [...(offered ? [["error.server", () => this.#settings.set("mode", "server")]] : []), ["error.again", again]];
  }

  // ---- videos and cameras

  #frame(bitmap, frame) {
    return this.#readers.current.frame(bitmap, { ...this.#options(frame.live ? "camera" : "video"), ...frame });
  }

  #film(file, reading) {
    const rate = this.#settings.get("rate");
    if (this.#settings.get("mode") === "device") return new DeviceFilm(this.#stage.video, file, rate, reading);
    return new ServerFilm(this.#stage.video, file, rate, this.#readers.current, this.#options("video"));
  }

  async #eventRules() {
    return (await about(this.#settings.weightsFor("video"))).card.browser.events;
  }

  #moved({ item, prediction, due }) {
    if (item !== this.#current) return;
    this.#show(prediction, due);
    const count = prediction.faces.length;
    if (count === this.#said.count || performance.now() - this.#said.at < SAID_MS) return;
    this.#said = { at: performance.now(), count };
    this.#say(prediction);
  }

  #broken({ item, error, again }) {
    this.#tiles();
    if (item !== this.#current) return;
    const { live, ended, frames } = item.film;
    if (!frames.length) this.#empty();
    if (live && !frames.length) this.#select(null);
    const anew = live && (ended || !frames.length);
    this.#problem.show(error, this.#ways(error, anew ? () => this.openCamera() : again));
  }

  // ---- what is seen and said

  #empty() {
    const weights = this.#settings.weightsFor("image");
    about(weights).then((known) => this.#prediction || this.#faces.introduce(weights, known), () => {});
  }

  async #show(prediction, due) {
    this.#prediction = prediction;
    const known = await this.#known();
    if (prediction !== this.#prediction) return;
    const prior = this.#settings.get("prior");
    this.#stage.show(prediction);
    if (!due) return;
    this.#faces.show(prediction, weak(known, prior), (face, canvas) => this.#stage.portrait(face, canvas));
    this.#offer();
    this.#explain(prediction, known, prior);
  }

  // What the page knows of the weights that read what is on the stage.
  #known() {
    return about(this.#settings.weightsFor(this.#current?.film?.live ? "camera" : "image"));
  }

  #explain({ faces }, known, prior) {
    document.getElementById("trust").hidden = !faces.length;
    if (!faces.length) return;
    const words = trust(known, prior, faces[0].confidence);
    document.getElementById("trust-confidence").textContent = words.confidence;
    document.getElementById("trust-weak").textContent = words.weak;
  }

  #choose(face) {
    this.#stage.choose(face);
    this.#faces.choose(face);
  }

  #say({ source, faces }) {
    document.getElementById("status").textContent = t("faces.said", { name: source, faces: facesCounted(faces.length) });
  }

  #offerFiles() {
    const rows = () => (this.#current?.film ? this.#current.film.frames : this.#photos.predictions);
    const stem = () => this.#current.name.replace(/\.[^.]*$/, "");
    const saves = {
      "save-csv": async () => save("predictions.csv", asCsv(rows(), await this.#known()), "text/csv"),
      "save-json": async () => save("predictions.json", asJson(rows()), "application/json"),
      "save-events": async () => save("events.csv", eventsAsCsv(this.#current.film.events), "text/csv"),
      "save-png": async () => save(`${stem()}-annotated.png`, await this.#stage.annotated()),
    };
    for (const [id, act] of Object.entries(saves)) {
      document.getElementById(id).addEventListener("click", () => act().catch((error) => this.#problem.show(asPageError(error))));
    }
  }
}
