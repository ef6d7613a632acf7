"""A default that stands in two places is the same in both."""

from inspect import signature

from mien.cli.predict import predict
from mien.inference.pipeline import Pipeline


def test_the_command_line_has_the_defaults_of_the_pipeline() -> None:
    options, own = signature(predict).parameters, signature(Pipeline.__init__).parameters
    shared = options.keys() & own.keys()
    assert {"weights", "detector", "max_pixels", "rotate", "event_high", "event_low", "event_min"} <= shared
    for name in shared:
        assert options[name].default == own[name].default, name
