"""Train a small network for a few steps and read a photo with it.  Needs `pip install 'mien[train]'`.

    python examples/train_tiny.py DATA RUNS [PHOTO]

DATA is the folder that holds FER2013.  On one core this takes about two minutes.  Leave out
"steps=4" for a network that is worth something; that takes much longer.
"""

import sys

import mien


def main(root: str, out: str, *photos: str) -> None:
    """Train, print the scores on val, and use the weights."""
    run = mien.train("papers/cnn2", "steps=4", "batch=32", root=root, out=out)
    print(run)
    pipeline = mien.Pipeline(weights=run.weights)
    print(pipeline.card.name, "predicts", ", ".join(pipeline.card.labels))
    for prediction in pipeline.predict(photos):
        print(prediction.source, [face.expression for face in prediction.faces])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python examples/train_tiny.py DATA RUNS [PHOTO]")
    try:
        main(*sys.argv[1:])
    except mien.MienError as error:
        sys.exit(str(error))
