"""``graft predict``: classify pictures with a bundle."""

from pathlib import Path
from typing import Annotated

import typer

Precision = Annotated[str, typer.Option(help="The bundle's model to use: float, or int8 where it has one.")]

Runtime = Annotated[
    str | None,
    typer.Option(help="onnxruntime, or openvino where the bundle has its format; without, the faster of the two here."),
]

Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="In place of the bundle's: the probability from which a label holds, of several a picture; "
        'of one a picture, that below which the answer is "not sure".',
    ),
]


Margin = Annotated[
    float, typer.Option(min=0, max=2, help="Share of a region's sides by which it is widened before it is classified.")
]


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures: files, folders, patterns in quotes, http(s):// and other addresses, or - to read them "
            "from standard input, one a line. In folders, files that are no picture by name or content are left out.",
            show_default=False,
        ),
    ],
    bundle: Annotated[Path, typer.Option(help="The folder that `dvc repro export` wrote.")] = Path("models/export"),
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Write JSON lines.")] = False,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write parquet, to --out; needs the extra `parquet`.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="A file for the rows, written over; .csv, .jsonl, .parquet say the format.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=0, help="Add so many of the most probable classes to every row.")] = 0,
    threshold: Threshold = None,
    regions: Annotated[
        str | None,
        typer.Option(
            help="Classify parts of each picture: faces (needs the extra `faces`), or the boxes of a CSV with the "
            "columns path, x, y, w and h."
        ),
    ] = None,
    margin: Margin = 0.0,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Pictures that a thread takes at a time.")] = 4,
    precision: Precision = "float",
    runtime: Runtime = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to decode and compute with; without, one a core.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the rows that --out has, errors too, and do only the rest.")
    ] = False,
) -> None:
    """Classify images with a bundle: one row for each, or for each of its regions, in the order they are named.

    A picture that cannot be read is a row with its error, and the rest goes on.

    Exit codes: 0, all are classified; 1, some could not be; 2, wrong usage, or no bundle; 130, stopped by Ctrl-C.
    """
    import sys
    import warnings

    from graft.apps.predict.job import RESUMABLE, Counts, classify
    from graft.apps.predict.writers import Format, choose_format
    from graft.core.errors import GraftError
    from graft.predict.predictor import Predictor

    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd files: a row's error says what matters
    flags = [name for name, on in ((Format.csv, csv), (Format.jsonl, jsonl), (Format.parquet, parquet)) if on]
    counts, format = Counts(), Format.text
    try:
        format = choose_format(flags, out)
        classify(
            paths,
            sys.stdin.buffer,
            lambda: Predictor(bundle, precision=precision, threads=threads, threshold=threshold, runtime=runtime),
            counts,
            format,
            out,
            top_k,
            batch,
            resume,
            regions,
            margin,
        )
    except GraftError as error:
        typer.echo(f"graft: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        hint = "; --resume goes on" if out and format in RESUMABLE else ""
        typer.echo(f"graft: stopped after {counts.kept + counts.done} pictures{hint}", err=True)
        raise typer.Exit(130) from error
    if counts.skipped:
        typer.echo(f"graft: passed over {counts.skipped} files in folders, such as {counts.example}", err=True)
    if counts.failed:
        typer.echo(f"graft: {counts.failed} of {counts.kept + counts.done} pictures could not be classified", err=True)
        raise typer.Exit(1)
