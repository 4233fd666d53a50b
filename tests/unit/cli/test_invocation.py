from __future__ import annotations

import logging

import click
import pytest

from portevoix.cli.invocation import Finite, Invocation
from portevoix.cli.serve import _with_wishes
from portevoix.config import Loaded, Settings
from portevoix.errors import ConfigError


@pytest.fixture
def own_logging():
    logger, root = logging.getLogger("portevoix"), logging.getLogger()
    level, handlers = logger.level, list(root.handlers)
    yield logger
    logger.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.parametrize(("verbosity", "level"), [(0, "ERROR"), (1, "INFO"), (2, "DEBUG"), (5, "DEBUG")])
def test_verbosity(own_logging, verbosity, level):
    Invocation(verbosity=verbosity).start_logging()
    assert logging.getLevelName(own_logging.level) == level
    assert Invocation(verbosity=verbosity).shows_tracebacks == (verbosity >= 2)


def test_warnings_of_the_configuration_are_told(own_logging, tmp_path, capsys):
    path = tmp_path / "tts.yaml"
    path.write_text("cach: {}\n")
    Invocation(config=path).read()
    assert "Warning: " in capsys.readouterr().err
    Invocation(config=path).read_quietly()
    assert capsys.readouterr().err == ""


def test_a_wrong_configuration_is_refused(own_logging, tmp_path):
    with pytest.raises(ConfigError):
        Invocation(config=tmp_path / "none.yaml").read()


def test_the_server_logs_as_the_command_line_says():
    loaded = Loaded(Settings())
    assert _with_wishes(loaded, Invocation()).settings == loaded.settings
    wished = _with_wishes(loaded, Invocation(verbosity=2, log_format="json")).settings.monitoring
    assert (wished.log_level, wished.log_format) == ("DEBUG", "json")


@pytest.mark.parametrize("given", ["nan", "NaN", "-nan", "inf", "11", "-0.1"])
def test_what_is_no_number_in_the_range_is_refused(given):
    with pytest.raises(click.BadParameter):
        Finite(0, 10).convert(given, None, None)


def test_a_number_in_the_range_is_taken():
    assert Finite(0, 10).convert("2.5", None, None) == 2.5
