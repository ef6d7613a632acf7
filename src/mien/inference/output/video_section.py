"""The section of one video in report.html: a table of its people, and for each a timeline with the faces at the peaks.

Every figure has its numbers in a table that unfolds below it.  People come in the order of people.csv.  Where there are
many, those who were on screen longest have a timeline; the table of people and people.csv have everyone.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from mien.html.markup import EMPTY, Html, element, escape, join, markup
from mien.html.page import count, dotted, note, percent, probability, table
from mien.inference.output import timeline_svg
from mien.inference.output.affect_figure import over_time, person_trail
from mien.inference.output.timeline_svg import between, clock, lasting
from mien.inference.video.blinks import MAX_GAP
from mien.inference.video.summary import EXPRESSED, Peak, Person, VideoSummary

DRAWN = 12  # people of a video with a timeline
LISTED = 100  # rows of the table of people
PEOPLE_NOTE = (
    " A person is a track, one face followed through the video; someone who comes back and is not recognised counts "
    "again."
)
NOTHING = f"below {percent(EXPRESSED)}"  # the highest probability of a person who expressed nothing
SPANS = 8  # equal parts of the video in the table below a figure
EVENTS = 40  # events in it

STYLE = (
    timeline_svg.STYLE
    + """
.people table{font-size:.84rem}
.named{overflow-wrap:anywhere}.person h3 .soft{font-weight:400}.person .affect{margin-bottom:2px}
.peaks{display:flex;flex-wrap:wrap;gap:10px 14px;list-style:none;padding:0;margin:12px 0 0}
.peaks li{display:grid;grid-template-columns:56px auto;gap:0 10px;align-items:center;font-size:.84rem;line-height:1.35}
.peaks img{width:56px;height:56px;border-radius:8px;object-fit:cover;background:var(--track)}
.peaks span{color:var(--soft);font-variant-numeric:tabular-nums}
.person .trail svg{max-width:380px;margin:0}
.person details{margin-top:12px}.person summary{cursor:pointer;color:var(--accent);font-size:.9rem}
.person details .scroll{margin:8px 0 0}.person details table{font-size:.8rem}
.person details th,.person details td{padding-right:10px}.person details thead th{white-space:normal}
"""
)


def section(video: VideoSummary, limit: int = DRAWN) -> tuple[Html, int]:
    """Return a video's HTML and how many timelines are in it, at most `limit`."""
    people = list(video.people.values())
    span = f"{between(video.timeline.start, video.timeline.end, 0)}, {count(video.frames, 'frame')}"
    counted = f"{span}, {count(len(people), 'person', 'people')}.{PEOPLE_NOTE if people else ''}"
    head = element("h2", escape(video.source), cls="named")
    if not people:
        return join([head, note(counted), note("No face was detected.")]), 0
    drawn = longest((one for one in people if one.track_id in video.detailed), min(DRAWN, max(limit, 0)))
    legend = timeline_svg.key(video.labels, video.affect, video.measures) if drawn else EMPTY
    left = len(people) - len(drawn)
    more = note(f"{count(left, 'person', 'people')} without a figure here.") if left else EMPTY
    figures = (_person(video, person) for person in drawn)
    return join([head, note(counted), _people(video, people), legend, *figures, more]), len(drawn)


def _people(video: VideoSummary, people: list[Person]) -> Html:
    head = ("person", "seen", "on screen", "events", "highest probability", *video.labels)
    rows = [
        [
            markup("#{}", person.track_id),
            escape(between(person.first, person.last)),
            escape(lasting(person.seconds)),
            markup("{:,}{}", person.count, _bursts(person.bursts.total())),
            _best(person.expressed),
            *(_top(seconds, person.seconds) for seconds in person.top_seconds),
        ]
        for person in longest(people, LISTED)
    ]
    more = f"The {LISTED} who were on screen longest, of {len(people):,}; people.csv has all."
    rules = (
        "Below an expression: seconds, and the fraction of the time on screen, for which its probability was the "
        f"highest. An event is an expression other than neutral that {video.thresholds}; one as high but shorter is a "
        "burst. The highest probability, neutral aside, is that of the strongest event, else of all frames. It is "
        "shown at a frame near the middle of the longest stretch that rounds to the same percent; people.csv and "
        "events.csv have the single frame with the highest. A probability is not an intensity."
    )
    rules = rules.replace(" %", "\u00a0%")  # not at the end of a line
    cut = note(more) if len(people) > LISTED else EMPTY
    return join([element("div", table(head, rows), cls="people"), note(rules), cut])


def _bursts(number: int) -> Html:
    return markup("<br><small>{}</small>", escape(count(number, "burst"))) if number else EMPTY


def _top(seconds: float, of: float) -> Html:
    """Return for how long an expression had the highest probability; a dash for never."""
    if seconds <= 0:
        return Html("-")
    return markup("{}<br><small>{}</small>", escape(lasting(seconds)), escape(percent(seconds / max(of, 1e-9))))


def _best(peak: Peak | None) -> Html:
    if peak is None:
        return escape(NOTHING)
    when = f"{probability(peak.confidence)} at {clock(peak.moment, 1)}"
    return markup("{} {}", dotted(peak.expression), escape(when))


def _person(video: VideoSummary, person: Person) -> Html:
    mixed = f"; mixed {text}" if (text := mixes(person)) else ""
    seen = f"{lasting(person.seconds)} on screen; {mostly(video, person)}; {counts(person)}{mixed}"
    description = f"Face {person.track_id} of {video.source}: probability of each expression over time. {seen}."
    lines = video.timeline, video.measured, person.track_id, video.labels
    figure = timeline_svg.figure(*lines, person.events, description, person.shut)
    return markup(
        '<article class="box person"><h3>#{} <span class="soft">{}</span></h3>'
        "<figure>{}</figure>{}{}<details><summary>Data table</summary>"
        "{}{}{}{}</details></article>",
        person.track_id,
        escape(seen),
        figure,
        _peaks(person),
        person_trail(video.timeline.means(person.track_id), video.labels, f"face {person.track_id}"),
        _figures(video, person),
        _spans(video, person),
        _events(person),
        _blinks(person),
    )


def _peaks(person: Person) -> Html:
    shown = sorted((peak for peak in person.moments.values() if peak.image), key=lambda peak: peak.moment)
    if not shown and person.best is not None and person.best.image:
        shown = [person.best]
    items = (
        markup(
            '<li><img loading="lazy" src="{}" alt="face {} at {}"><div>{}</div></li>',
            peak.image,
            person.track_id,
            escape(clock(peak.moment, 1)),
            _caption(person, peak),
        )
        for peak in shown
    )
    return markup('<ul class="peaks">{}</ul>', join(items)) if shown else EMPTY


def _caption(person: Person, peak: Peak) -> Html:
    """Return the caption of an image; without an expression it only shows the face."""
    if person.expressed is None:
        return element("span", escape(f"{clock(peak.moment, 1)}, nothing expressed"))
    shown = escape(f"{clock(peak.moment, 1)}, {probability(peak.confidence)}")
    return markup("{}<br><span>{}</span>", dotted(peak.expression), shown)


def _figures(video: VideoSummary, person: Person) -> Html:
    """Return a table of the person's expressions over the whole video, a row each."""
    rows = [
        [
            dotted(name),
            _top(person.top_seconds[k], person.seconds),
            escape(probability(float(person.means[k]))),
            escape(probability(float(person.peaks[k]))),
            escape(clock(float(person.peak_seconds[k]), 1)),
            escape("-" if name == "neutral" else f"{person.bursts[name]:,}"),
        ]
        for k, name in enumerate(video.labels)
    ]
    return table(("expression", "highest for", "mean probability", "peak probability", "at", "bursts"), rows)


def _spans(video: VideoSummary, person: Person) -> Html:
    """Return a table of the means in equal parts of the video."""
    means = video.timeline.means(person.track_id)
    affect, places = over_time(means, video.labels)
    measured = video.measured.means(person.track_id)
    names = [*video.labels, *affect, *(("yaw", "eyes open") if measured.size else ())]
    means = np.hstack([means[:, : len(video.labels)], places, measured])
    rows = []
    for part in np.array_split(np.arange(len(means)), min(SPANS, len(means))):
        at = [video.timeline.start + k * video.timeline.width for k in (part[0], part[-1] + 1)]
        seen = means[part][~np.isnan(means[part, 0])]
        cells = _cells(seen, len(video.labels), len(names))
        rows.append([escape(cell) for cell in (between(*at), *cells)])
    return table(("mean probability from", *names), rows)


def _cells(seen: np.ndarray, shares: int, columns: int) -> Iterator[str]:
    for k in range(columns):
        known = seen[~np.isnan(seen[:, k]), k]
        mean = float(known.mean()) if len(known) else None
        yield "-" if mean is None else probability(mean) if k < shares else f"{round(mean, 2) + 0.0:.2f}"  # no -0.00


def _events(person: Person) -> Html:
    if not person.events:
        return EMPTY
    shown = sorted(person.events[:EVENTS], key=lambda event: event.onset)
    rows = [
        [
            dotted(event.expression),
            *(escape(clock(at, 1)) for at in (event.onset, event.peak, event.offset)),
            escape(lasting(event.duration)),
            escape(probability(event.confidence)),
        ]
        for event in shown
    ]
    listed = table(("event", "onset", "peak", "end", "duration", "at the peak"), rows)
    more = f"The {len(shown)} strongest of {person.count:,}; events.csv has all."
    return join([listed, note(more) if person.count > len(shown) else EMPTY])


def _blinks(person: Person) -> Html:
    if not person.shut:
        return EMPTY
    rows = [
        [escape(clock(at, 2)) for at in (blink.onset, blink.peak, blink.offset)] + [escape(percent(blink.confidence))]
        for blink in person.shut[:EVENTS]
    ]
    more = person.blinks or len(person.shut)
    cut = note(f"The first {len(rows)} of {more:,}; events.csv has all.") if more > len(rows) else EMPTY
    return join([table(("blink from", "least open", "to", "closed by"), rows), cut])


def mixes(person: Person) -> str:
    """Return the compound expressions that were most probable in single frames; empty where none were requested."""
    named = (f"{one.expression} {probability(one.confidence)} at {clock(one.seconds, 1)}" for one in person.mixed)
    return ", ".join(named)


def mostly(video: VideoSummary, person: Person) -> str:
    """Return which expression had the highest probability for longest."""
    top = int(np.argmax(person.top_seconds))
    return f"{video.labels[top]} on top for {percent(float(person.top_fractions[top]))} of it"


def counts(person: Person) -> str:
    """Return how many events a person had, bursts where there were any, and blinks where faces were measured."""
    bursts = person.bursts.total()
    known = count(person.count, "event"), count(bursts, "burst") if bursts else "", blinks(person)
    return ", ".join(filter(None, known))


def blinks(person: Person) -> str:
    """Return how many blinks a person had, or why that is not known; empty where faces were not measured."""
    if person.blinks is not None:
        return count(person.blinks, "blink")
    return f"blinks unknown (frames more than {MAX_GAP:g} s apart)" if person.measured else ""


def longest(people: Iterable[Person], most: int) -> list[Person]:
    """Return at most so many people, those who were on screen longest, in the order of their tracks."""
    ranked = sorted(people, key=lambda person: (-round(person.seconds, 2), person.track_id))
    return sorted(ranked[:most], key=lambda person: person.track_id)
