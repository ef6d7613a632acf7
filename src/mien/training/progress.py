"""Progress of a run on stderr: a bar with the time left, and a line per epoch."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mien.printable import printable
from mien.training.checkpoint import Row


class Progress:
    """A context manager around the loop; the bar is shown on terminals only, the epoch lines always."""

    def __init__(self, name: str, steps: int, done: int) -> None:
        name = printable(name).replace("{", "{{").replace("}", "}}").replace("[", r"\[")
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.bar = Bar(
            TextColumn(f"{name} {{task.description}}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self.console = console
        self.task = self.bar.add_task("", total=steps, completed=done)

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def resumed(self, row: Row, best: float | None) -> None:
        """Print the epoch after which the run resumes."""
        self.epoch(row, best, before="resumed after ")

    def advance(self) -> None:
        self.bar.advance(self.task)

    def epoch(self, row: Row, best: float | None, before: str = "") -> None:
        self.bar.update(self.task, description=f"val {row['val_accuracy']:.1%}")
        self.console.print(
            f"{before}epoch {row['epoch']:3d}  loss {row['loss']:.4f}  val accuracy {row['val_accuracy']:.4f}"
            f"  macro-F1 {row['val_macro_f1']:.4f}  nll {row['val_nll']:.4f}"
            f"  best {'-' if best is None else f'{best:.4f}'}  {row['seconds']:.0f} s"
        )
