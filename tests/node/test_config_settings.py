"""The configuration of a home folder: strict, readable, one source for defaults."""

import stat
from pathlib import Path

import pytest

from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.node.config import (
    ExchangeSettings,
    NodeConfig,
    NodeSettings,
    config_text,
    configuration_reference,
    find_home,
    load_config,
    parse_config,
    write_config,
)
from carbonport.node.identity.names import ParticipantName, Role, complete_lei

EXPORTER = ParticipantName("CN", complete_lei("5299000CARBONPORT0"))
IMPORTER = ParticipantName("EU", complete_lei("529900IMPORTER0000"))


def config() -> NodeConfig:
    return NodeConfig(
        node=NodeSettings(
            participant=str(EXPORTER),
            name='钢铁示例 "one"',
            country="CN",
            roles=("exporter",),
            endpoint="node.example:7443",
        ),
        exchange=ExchangeSettings(approval="policy"),
        identifiers={"unlocode": "CNTSH"},
        peers={str(IMPORTER): "[::1]:9000"},
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_config(tmp_path / "home", config())
    assert load_config(tmp_path / "home") == config()
    assert stat.S_IMODE((tmp_path / "home/carbonport.toml").stat().st_mode) == 0o600


def test_every_setting_is_explained_in_the_file() -> None:
    lines = config_text(config()).splitlines()
    settings = [
        index for index, line in enumerate(lines) if " = " in line and not line.startswith(("#", '"'))
    ]
    assert len(settings) > 15
    unexplained = [lines[index] for index in settings if not lines[index - 1].startswith(("#", "["))]
    assert unexplained == []


def test_the_reference_names_every_setting() -> None:
    reference = configuration_reference()
    for line in config_text(config()).splitlines():
        if " = " in line and not line.startswith(("#", '"', "unlocode")):
            assert f"`{line.split(' = ')[0]}`" in reference


def test_defaults_and_derived_values(tmp_path: Path) -> None:
    text = "\n".join(config_text(config()).splitlines()[:17])
    parsed = parse_config(text.encode(), where="x")
    assert (parsed.limits.max_deadline_s, parsed.retention.entries_years) == (60, 6)
    assert parsed.exchange.approval == "person", "the careful default"
    assert parsed.name == EXPORTER
    assert parsed.roles == {Role.EXPORTER}
    assert parsed.log_origin == f"carbonport.log/{EXPORTER}"
    assert parsed.store_url(tmp_path) == f"sqlite:///{tmp_path}/data/carbonport.sqlite"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[limits]", "[limit]"),
        ("approval =", "aproval ="),
        ('"policy"', '"always"'),
        ("approval_days = 30", "approval_days = 0"),
        ("approval_days = 30", "approval_days = true"),
        ("approval_days = 30", 'approval_days = "30"'),
        ('["exporter"]', '["owner"]'),
        ('["exporter"]', "[]"),
        ('"node.example:7443"', '"node.example"'),
        ('"node.example:7443"', '"node.example:70000"'),
        ('country = "CN"\n', ""),
        (EXPORTER.lei, EXPORTER.lei[:-1] + "9"),
        ('"[::1]:9000"', '"nowhere"'),
        ("unlocode = ", "telephone = "),
        ("sqlite:///data", "mysql:///data"),
        ("[node]", "[node]\nsecret = 1"),
        ("[node]", "node = 3"),
        ("[node]", "[node"),
    ],
)
def test_what_is_not_meant_is_refused(old: str, new: str) -> None:
    text = config_text(config())
    assert old in text
    with pytest.raises(Malformed) as caught:
        parse_config(text.replace(old, new, 1).encode(), where="carbonport.toml")
    assert caught.value.id == "config-setting"
    assert caught.value.where.startswith("carbonport.toml")


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(Misuse) as caught:
        load_config(tmp_path)
    assert caught.value.id == "config-missing"


def test_nothing_unreadable_is_written(tmp_path: Path) -> None:
    wrong = NodeConfig(node=NodeSettings("CN/x", "n", "CN", ("exporter",), "h:1"))
    with pytest.raises(CarbonportError):
        write_config(tmp_path, wrong)
    assert not (tmp_path / "carbonport.toml").exists()


def test_where_the_home_folder_is() -> None:
    assert find_home(Path("a"), {"CARBONPORT_HOME": "b"}) == Path("a")
    assert find_home(None, {"CARBONPORT_HOME": "b"}) == Path("b")
    assert find_home(None, {}) == Path("carbonport-home")
