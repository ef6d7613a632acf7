"""Commands that train: one recipe, its export, the recipes of papers, a grid of keys, a generator of images."""

import json
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from mien.cli.options import DataOptions, Device, Force, Json, Root, RunFolders, output_option, run_option
from mien.cli.printing import show, show_path, show_written
from mien.printable import say
from mien.torchrun import first_prints, rank


def train(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE", help="a packaged name or a YAML file")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="changes to it")] = None,
    root: Root = None,
    out: RunFolders = Path("runs"),
    resume: Annotated[Path | None, run_option(metavar="RUN", help="run folder to resume, without a recipe")] = None,
    device: Device = "auto",
    show: Annotated[bool, output_option("--show", help="print the full recipe and stop")] = False,
    test: Annotated[bool, run_option("--test", help="measure on test, once, after training")] = False,
    runs: Annotated[int | None, run_option(metavar="N", help="seeds 0 to N-1", show_default="one run")] = None,
    as_json: Json = False,
) -> None:
    """Train a recipe; the run folder gets weights, log and report.

    Several processes share one run: torchrun --nproc-per-node N -m mien train RECIPE
    """
    from mien.training.run import run_recipe, show_recipe

    place: dict[str, Any] = {"root": root, "out": out, "resume": resume, "device": device, "test": test}
    if show and rank():  # the first process shows it, and what is wrong with it
        return
    if show:
        typer.echo(show_recipe(recipe, overrides or []), nl=False)
    elif runs is None and not as_json:
        run_recipe(recipe, overrides or [], **place)
    else:
        train_several(recipe, overrides or [], runs, place, as_json)


def train_several(recipe: str | None, overrides: list[str], runs: int | None, place: Any, as_json: bool) -> None:
    """Train seeds and print their scores; Ctrl-C exits with 130, the runs that have ended stay."""
    from mien.experiments.seeds import train_seeds

    try:
        made = train_seeds(recipe, overrides, runs, **place)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    with first_prints():
        typer.echo(json.dumps(made.to_dict()) if as_json else str(made))


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="class folders, or a table")],
    options: DataOptions = None,
    out: Annotated[Path | None, output_option(metavar="FILE", help="the recipe", show_default="FOLDER.yaml")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a commented recipe for your own images."""
    from mien.data import read_options
    from mien.outputs.files import check_new, write
    from mien.training.new_recipe import new_recipe, to_text

    if out:
        check_new(out, force)
    made = new_recipe(folder, read_options(options or []))
    target = out or Path(f"{made.name}.yaml")
    check_new(target, force)
    write(target, made.text.encode())
    show(made, to_text, as_json)
    show_written([target])
    say("next:", f"  mien train {quote(str(target))} --root {quote(str(folder))}")
    say("  mien predict photo.jpg --weights RUN     (RUN is the folder that it prints)")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run folder that `mien train` made")],
    root: Root = None,
) -> None:
    """Write a run's weights as ONNX."""
    from mien.training.run import export_run

    show_path(export_run(run, root=root))


def reproduce(
    recipes: Annotated[
        list[str] | None, typer.Argument(metavar="RECIPE", help="such as cnn4 svm", show_default="all")
    ] = None,
    root: Root = None,
    out: RunFolders = Path("runs"),
    results: Annotated[Path, output_option(metavar="DIR", help="for table and figures")] = Path("results"),
    budget: Annotated[float | None, run_option(metavar="MINUTES", help="shorten recipes, and report it")] = None,
    seeds: Annotated[int, run_option(metavar="N", help="run each recipe with seeds 0 to N-1")] = 1,
    device: Device = "auto",
    list_: Annotated[bool, output_option("--list", help="list recipes, run none")] = False,
    as_json: Json = False,
) -> None:
    """Run recipes of papers and print the published score beside ours."""
    from mien.experiments import text
    from mien.experiments.reproduce import Place

    place = Place(root, out, results, device)
    if list_:
        return text.show(rows := text.listed(place), text.to_list(rows), as_json=as_json)
    raise typer.Exit(text.run(recipes or [], place, budget, seeds, as_json=as_json))


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="a packaged name or a YAML file")],
    grid: Annotated[list[str], typer.Argument(metavar="KEY=A,B,C", help="values of recipe keys")],
    runs: Annotated[int, run_option(metavar="N", help="run each setting with seeds 0 to N-1")] = 1,
    root: Root = None,
    out: Annotated[Path | None, output_option(metavar="DIR", help="for runs, table and plot")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Run a recipe over a grid of its keys: a table and a plot of val."""
    from mien.experiments import text
    from mien.experiments.sweep import sweep as run

    try:
        result = run(recipe, grid, runs=runs, root=root, out=out, device=device)
    except KeyboardInterrupt:
        say("", "stopped; resume with the same command")
        raise typer.Exit(130) from None
    text.show(result, text.to_sweep(result), as_json=as_json)


def generate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the data set to train on")] = "fer2013",
    options: DataOptions = None,
    root: Root = None,
    out: Annotated[Path, output_option(metavar="DIR", help="made or resumed")] = Path("generator"),
    steps: Annotated[int, run_option(metavar="N", help="batches of 256 to train on")] = 3000,
    per_class: Annotated[int, run_option(metavar="N", help="images to draw of every class")] = 500,
    seed: Annotated[int, run_option(metavar="N", help="random seed")] = 0,
    device: Device = "auto",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train a generator of faces and draw images for training."""
    from mien.data import read_options
    from mien.training.generate import Settings, to_text
    from mien.training.generate import generate as make

    more = read_options(options or [])
    summary = make(name, root, out, more, Settings(steps, seed), per_class=per_class, device=device, force=force)
    show(summary, to_text, as_json)
