// Follows faces through a video on this device: each face joins the track that it overlaps most.  The server's tracking
// (inference/video/tracking.py) also knows the appearance; this one knows the place alone.
export const MIN_OVERLAP = 0.25;
export const MAX_LOST_SECONDS = 2;

export class Tracks {
  #tracks = [];
  #next = 1;

  // Give each face its track_id; call it for every frame in order.
  follow(faces, seconds) {
    this.#tracks = this.#tracks.filter((track) => Math.abs(seconds - track.seconds) <= MAX_LOST_SECONDS);
    const pairs = faces.flatMap((face) => this.#tracks.map((track) => [overlap(face.box, track.box), face, track]));
    const taken = new Set();
    for (const [fit, face, track] of pairs.sort((a, b) => b[0] - a[0])) {
      if (fit < MIN_OVERLAP || taken.has(face) || taken.has(track)) continue;
      taken.add(face).add(track);
      Object.assign(track, { box: face.box, seconds });
      face.track_id = track.id;
    }
    for (const face of faces.filter((one) => !taken.has(one))) {
      this.#tracks.push({ id: this.#next, box: face.box, seconds });
      face.track_id = this.#next++;
    }
  }
}

// The intersection over union of two boxes, x1 y1 x2 y2.
export function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(wide, 0) * Math.max(high, 0);
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
  return union > 0 ? shared / union : 0;
}
