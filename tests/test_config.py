import pytest

from toolwise.config import Config, parse_config
from toolwise.errors import ConfigError


class Inner(Config):
    width: int = 2


class Outer(Config):
    inner: Inner = Inner()
    seed: int = 0


def test_values_are_read() -> None:
    assert parse_config(Outer, {"inner": {"width": 3}}, "x.yaml").inner.width == 3


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml: unknown key 'inner\.widht'; did you mean 'width'\?"):
        parse_config(Outer, {"inner": {"widht": 3}}, "x.yaml")


def test_an_unknown_key_far_from_all_lists_them() -> None:
    with pytest.raises(ConfigError, match="known keys: inner, seed"):
        parse_config(Outer, {"qqqq": 3}, "x.yaml")


def test_a_bad_value_names_its_key() -> None:
    with pytest.raises(ConfigError, match="seed"):
        parse_config(Outer, {"seed": "many"}, "x.yaml")
