"""The section of one video in report.html: a table of its people, and for each a timeline with the faces at the peaks.

Every figure has its numbers in a table that unfolds below it.  The people who were on screen longest come first; how
many of them are drawn is bounded, the table of people and people.csv have the others.
"""

from collections.abc import Iterator

import numpy as np

from mien.html.page import count, dot, escape, percent, probability, table
from mien.inference.output import timeline_svg
from mien.inference.output.timeline_svg import clock
from mien.inference.video.summary import EXPRESSED, Peak, Person, VideoSummary

DRAWN = 12  # people of a video with a timeline
LISTED = 100  # rows of the table of people
ANEW = " A person is a face that was followed; someone who comes back and is not recognised counts anew."
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
.person details{margin-top:12px}.person summary{cursor:pointer;color:var(--accent);font-size:.9rem}
.person details .scroll{margin:8px 0 0}
"""
)


def section(film: VideoSummary, most: int = DRAWN) -> tuple[str, int]:
    """Return a video's HTML and how many timelines are in it, at most `most`."""
    people = people_of(film)
    span = f"{clock(film.timeline.start)} to {clock(film.timeline.end)}, {count(film.frames, 'frame')}"
    told = f"{span}, {count(len(people), 'person', 'people')}.{ANEW if people else ''}"
    head = f'<h2 class="named">{escape(film.source)}</h2><p class="soft">{told}</p>'
    if not people:
        return f'{head}<p class="soft">No face was found.</p>', 0
    drawn = [person for person in people if person.track_id in film.detailed][: min(DRAWN, max(most, 0))]
    legend = timeline_svg.key(film.labels, film.affect) if drawn else ""
    left = len(people) - len(drawn)
    more = f'<p class="soft">{count(left, "person", "people")} without a figure here.</p>' if left else ""
    figures = "".join(_person(film, person) for person in drawn)
    return f"{head}{_people(film, people)}{legend}{figures}{more}", len(drawn)


def _people(film: VideoSummary, people: list[Person]) -> str:
    head = ("person", "seen", "on screen", "events", "most expressive", *film.labels)
    rows = [
        [
            f"#{person.track_id}",
            f"{clock(person.first, 1)} to {clock(person.last, 1)}",
            f"{person.seconds:.1f} s",
            f"{person.count:,}{_bursts(person.bursts.total())}",
            _best(person.expressed),
            *(_top(seconds, person.seconds) for seconds in person.top_seconds),
        ]
        for person in people[:LISTED]
    ]
    more = f"The {LISTED} who were on screen longest, of {len(people):,}; people.csv has all."
    note = f'<p class="soft">{more}</p>' if len(people) > LISTED else ""
    rules = (
        "Below an expression: seconds, and the fraction of the time on screen, for which its probability was the "
        f"highest. An event is an expression other than neutral that {film.thresholds}; one as high but shorter is a "
        "burst. No most expressive moment is named where there was no event and no probability of "
        f"{percent(EXPRESSED)}."
    )
    rules = rules.replace(" %", "\u00a0%")  # not at the end of a line
    return f'<div class="people">{table(head, rows)}</div><p class="soft">{escape(rules)}</p>{note}'


def _bursts(number: int) -> str:
    return f"<br><small>{count(number, 'burst')}</small>" if number else ""


def _top(seconds: float, of: float) -> str:
    """Return for how long an expression had the highest probability; a dash for never."""
    return f"{seconds:.1f} s<br><small>{escape(percent(seconds / max(of, 1e-9)))}</small>" if seconds > 0 else "-"


def _best(peak: Peak | None) -> str:
    if peak is None:
        return "none"
    told = f"{peak.expression} {probability(peak.confidence)} at {clock(peak.seconds, 1)}"
    return f"{dot(peak.expression)}{escape(told)}"


def _person(film: VideoSummary, person: Person) -> str:
    seen = f"{person.seconds:.1f} s on screen; {mostly(film, person)}; {counts(person)}"
    said = f"Face {person.track_id} of {film.source}: probability of each expression over time. {seen}."
    figure = timeline_svg.figure(film.timeline, person.track_id, film.labels, person.events, said)
    return (
        f'<article class="box person"><h3>#{person.track_id} <span class="soft">{escape(seen)}</span></h3>'
        f"<figure>{figure}</figure>{_peaks(person)}<details><summary>In figures</summary>"
        f"{_figures(film, person)}{_spans(film, person)}{_events(person)}</details></article>"
    )


def _peaks(person: Person) -> str:
    shown = sorted((peak for peak in person.moments.values() if peak.image), key=lambda peak: peak.taken)
    if not shown and person.best is not None and person.best.image:
        shown = [person.best]
    items = (
        f'<li><img loading="lazy" src="{peak.image}" alt="face {person.track_id} at {clock(peak.taken, 1)}">'
        f"<div>{_caption(person, peak)}</div></li>"
        for peak in shown
    )
    return f'<ul class="peaks">{"".join(items)}</ul>' if shown else ""


def _caption(person: Person, peak: Peak) -> str:
    """Return what is said about an image; where nothing was expressed it only shows who it is."""
    if person.expressed is None:
        return f"<span>{clock(peak.taken, 1)}, nothing expressed</span>"
    shown = f"{clock(peak.taken, 1)}, {escape(probability(peak.share))}"
    return f"{dot(peak.expression)}{escape(peak.expression)}<br><span>{shown}</span>"


def _figures(film: VideoSummary, person: Person) -> str:
    """Return a table of what the person showed on the whole, a row per expression."""
    names = [f"{dot(name)}{escape(name)}" for name in film.labels]
    rows = [
        [
            name,
            _top(person.top_seconds[k], person.seconds),
            escape(probability(float(person.means[k]))),
            escape(probability(float(person.peaks[k]))),
            clock(float(person.peak_seconds[k]), 1),
            "-" if film.labels[k] == "neutral" else f"{person.bursts[film.labels[k]]:,}",
        ]
        for k, name in enumerate(names)
    ]
    return table(("expression", "highest for", "mean probability", "peak probability", "at", "bursts"), rows)


def _spans(film: VideoSummary, person: Person) -> str:
    """Return a table of the mean probabilities in equal parts of the video."""
    means = film.timeline.means(person.track_id)
    names = [*film.labels, *(("valence", "arousal") if means.shape[1] > len(film.labels) else ())]
    rows = []
    for part in np.array_split(np.arange(len(means)), min(SPANS, len(means))):
        at = [film.timeline.start + k * film.timeline.width for k in (part[0], part[-1] + 1)]
        seen = means[part][~np.isnan(means[part, 0])]
        rows.append([f"{clock(at[0], 1)} to {clock(at[1], 1)}", *_cells(seen, len(film.labels), len(names))])
    return table(("mean probability from", *names), rows)


def _cells(seen: np.ndarray, shares: int, columns: int) -> Iterator[str]:
    for k in range(columns):
        mean = float(seen[:, k].mean()) if len(seen) else None
        yield "-" if mean is None else escape(probability(mean)) if k < shares else f"{mean:.2f}"


def _events(person: Person) -> str:
    if not person.events:
        return ""
    shown = sorted(person.events[:EVENTS], key=lambda event: event.onset)
    rows = [
        [
            f"{dot(event.expression)}{escape(event.expression)}",
            *(clock(at, 1) for at in (event.onset, event.peak, event.offset)),
            f"{event.duration:.1f} s",
            escape(probability(event.confidence)),
        ]
        for event in shown
    ]
    more = f'<p class="soft">The {len(shown)} strongest of {person.count:,}; events.csv has all.</p>'
    return table(("event", "onset", "peak", "end", "duration", "at the peak"), rows) + (
        more if person.count > len(shown) else ""
    )


def mostly(film: VideoSummary, person: Person) -> str:
    """Return which expression had the highest probability for longest."""
    top = int(np.argmax(person.top_seconds))
    return f"{film.labels[top]} on top for {percent(float(person.top_fractions[top]))} of it"


def counts(person: Person) -> str:
    """Return how many events a person had, and bursts where there were any."""
    bursts = person.bursts.total()
    events = count(person.count, "event")
    return f"{events}, {count(bursts, 'burst')}" if bursts else events


def people_of(film: VideoSummary) -> list[Person]:
    """Return the people of a video, those who were on screen longest first."""
    return sorted(film.people.values(), key=lambda person: (-round(person.seconds, 2), person.track_id))
