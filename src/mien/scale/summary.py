"""The summary of a run over shards: for people at its end, as JSON, and in the record of the run."""

from dataclasses import asdict, dataclass, field
from typing import Any

from mien.html.page import count
from mien.inference.media.sources import Skipped
from mien.inference.output.tally import Counts
from mien.scale.reader import Failure, Outcome

SHOWN = 20  # quarantined sources, and kinds of files, that are listed for people; the JSON has all


@dataclass
class Summary:
    """Counts outcomes.

    Attributes:
        shards: the folder of the shards; runner, workers: who reads.
        all_blocks: the blocks of all sources; blocks: those of this run, which may be a part of them.
        done, skipped, failed: blocks that this run read, that were there, and that have no shard.
        replaced, restored: shards of sources that changed, moved away and back.
        cut: shards of this run's blocks that lacked their end and are read again.
        there: blocks of all sources that have a shard.
        counts: what was read; failures: sources that could not be read, those quarantined too.
        skipped_files: files passed over in folders, by kind.
        stopped: whether a signal ended the run.
    """

    shards: str
    runner: str = "loop"
    workers: int = 1
    all_blocks: int = 0
    blocks: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    replaced: int = 0
    restored: int = 0
    cut: int = 0
    there: int = 0
    counts: Counts = field(default_factory=Counts)
    failures: list[Failure] = field(default_factory=list)
    skipped_files: Skipped = field(default_factory=Skipped)
    seconds: float = 0.0
    stopped: bool = False

    @property
    def quarantined(self) -> list[Failure]:
        """The sources that ended their process, or passed the deadline, twice."""
        return [failure for failure in self.failures if failure.quarantined]

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.skipped += outcome.skipped
        self.failed += bool(outcome.lost)
        self.done += not outcome.skipped and not outcome.lost
        self.there += not outcome.skipped and not outcome.lost
        self.counts += outcome.counts
        self.failures += outcome.failures

    def to_dict(self) -> dict[str, Any]:
        """Return the summary for `--json` and the record of the run."""
        blocks = {name: getattr(self, name) for name in ("blocks", "done", "skipped", "failed")}
        moved = {"replaced": self.replaced, "restored": self.restored, "cut": self.cut}
        return {
            "shards": self.shards,
            "runner": self.runner,
            "workers": self.workers,
            "blocks": {"all": self.all_blocks, "of_this_run": blocks.pop("blocks"), **blocks, **moved},
            "there": self.there,
            "counts": asdict(self.counts),
            "failures": [asdict(failure) for failure in self.failures],
            "skipped_files": dict(self.skipped_files.most_common()),
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """Return the summary for people."""
        read = self.counts
        parts = [f"{self.done:,} of {count(self.blocks, 'block')} done", f"{self.skipped:,} skipped"]
        parts += [f"{self.failed:,} could not be written"] if self.failed else []
        videos = f" and {count(read.videos, 'video')} ({count(read.frames, 'frame')})" if read.videos else ""
        parts += [f"read {count(read.images, 'image')}{videos}, {count(read.faces, 'face')}"] if self.done else []
        if self.failures:
            unread = f"{count(len(self.failures), 'source')} could not be read"
            parts.append(f"{unread}, {len(self.quarantined):,} of them quarantined" if self.quarantined else unread)
        if kinds := [f"{number:,} {kind}" for kind, number in self.skipped_files.most_common(SHOWN)]:
            parts.append(f"passed over: {', '.join(kinds)}")
        lines = ["; ".join(["stopped", *parts] if self.stopped else parts)]
        lines += [f"quarantined: {failure.error}" for failure in self.quarantined[:SHOWN]]
        if self.cut:
            end = "its end" if self.cut == 1 else "their end"
            lines.append(
                f"{count(self.cut, 'shard')} lacked {end}, as after a copy that was stopped: counted as missing"
            )
        if self.replaced:
            lines.append(f"{count(self.replaced, 'shard')} of changed sources moved to {self.shards}/replaced")
        if self.there < self.all_blocks:
            rest = f"still to be read: {self.all_blocks - self.there:,} of {count(self.all_blocks, 'block')}"
            other = self.done + self.skipped >= self.blocks
            lines.append(f"{rest}; {'run the other parts' if other else 'run the same command again'}")
        return lines
