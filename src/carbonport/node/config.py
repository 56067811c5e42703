"""The configuration of a home folder: `carbonport.toml`, read strictly, written readably.

Every setting, its default, its bounds and its explanation stand in the dataclasses below; the file that
`carbonport init` writes, the reader and the reference page all come from them. Unknown sections and keys
are refused, so that a misspelt setting never silently means its default. Holds no secret: keys and
passphrases have no setting.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, cast, get_type_hints

from carbonport.errors import Malformed, Misuse
from carbonport.node.identity.names import ParticipantName, Role
from carbonport.node.identity.private_files import make_private_folder, write_private

CONFIG_NAME = "carbonport.toml"
"""The file, inside the home folder."""

HOME_VARIABLE = "CARBONPORT_HOME"
"""Environment variable that names the home folder when --home does not."""

DEFAULT_HOME = Path("carbonport-home")
"""The home folder when nothing names one."""

MAX_CONFIG_BYTES = 2**20
"""Longest configuration read."""

ENDPOINT_PATTERN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}")
"""`host:port`; IPv6 addresses in brackets."""

COUNTRY_PATTERN = re.compile(r"[A-Z]{2}")
"""ISO 3166 alpha-2."""

MAX_TEXT_CHARACTERS = 512
"""Longest text of one setting."""

Check = Callable[[Any], str | None]
"""Says what a value must be, or nothing when it is."""


def _setting(doc: str, *, default: Any = MISSING, check: Check | None = None) -> Any:
    metadata = {"doc": doc, "check": check}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def _matches(pattern: re.Pattern[str], meaning: str) -> Check:
    return lambda text: None if pattern.fullmatch(text) else meaning


def _within(low: int, high: int) -> Check:
    return lambda number: None if low <= number <= high else f"a number from {low} to {high}"


def _one_of(*words: str) -> Check:
    return lambda word: None if word in words else f"one of {', '.join(words)}"


def _is_participant(text: str) -> str | None:
    try:
        ParticipantName.parse(text)
    except Malformed as problem:
        return problem.expected
    return None


def _are_roles(words: tuple[str, ...]) -> str | None:
    known = {role.value for role in Role}
    return None if words and set(words) <= known else f"at least one of {', '.join(sorted(known))}"


def _is_endpoint(text: str) -> str | None:
    good = ENDPOINT_PATTERN.fullmatch(text) and int(text.rpartition(":")[2]) <= 65535
    return None if good else "host:port"


def _is_store(text: str) -> str | None:
    good = text.startswith(("sqlite:///", "postgresql+psycopg://"))
    return None if good else "sqlite:///<path> or postgresql+psycopg://..."


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Who this node is and where it is reached."""

    participant: str = _setting(
        "The participant this node speaks for: <jurisdiction>/<LEI>.", check=_is_participant
    )
    name: str = _setting("The participant's name, as its card and trust list show it.")
    country: str = _setting(
        "Country of establishment, ISO 3166.", check=_matches(COUNTRY_PATTERN, "two capital letters")
    )
    roles: tuple[str, ...] = _setting(
        "What the node does: exporter, importer, verifier, regulator, coordinator, key-holder.",
        check=_are_roles,
    )
    endpoint: str = _setting(
        "Where peers reach the node (host:port); its card carries it.", check=_is_endpoint
    )
    listen: str = _setting(
        "Address the node listens on (host:port; port 0 takes any free one).",
        default="127.0.0.1:7443",
        check=_is_endpoint,
    )


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where ledger, requests and log are kept."""

    url: str = _setting(
        "Database: sqlite:///<path>, relative to this folder, or postgresql+psycopg://... (then keep "
        "the password in "
        "a .pgpass file, not here).",
        default="sqlite:///data/carbonport.sqlite",
        check=_is_store,
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The exchange log."""

    origin: str = _setting(
        "First line of every checkpoint, also the name of the log key; unique in the world, never "
        "changed afterwards. "
        "Empty: carbonport.log/<participant>.",
        default="",
        check=_matches(re.compile(r"[^\s+\x00-\x1f\x7f]{0,200}"), "a text without blanks and plus signs"),
    )


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """How requests are answered."""

    approval: str = _setting(
        "person: every request waits for `carbonport approve`; policy: what the policy permits is "
        "answered at once.",
        default="person",
        check=_one_of("person", "policy"),
    )
    approval_days: int = _setting(
        "An approval expires after this many days.", default=30, check=_within(1, 366)
    )
    approval_fetches: int = _setting(
        "How often an approved attestation may be fetched.", default=100, check=_within(1, 1_000_000)
    )
    proof: str = _setting(
        "sealed: a proof shows no calculation below the figures that the statement seals, by default the emissions "
        "attributed to a process; open: it shows the whole calculation under neutral names, "
        "and the factors that the policy lets go.",
        default="sealed",
        check=_one_of("sealed", "open"),
    )


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What federated trainings may have of this node."""

    ledgers: str = _setting(
        "Folder of the ledgers that trainings may learn from, one file for each period, relative to this folder; "
        "empty: the ledgers that were taken in.",
        default="",
    )
    yearly_epsilon: int = _setting(
        "Privacy budget: how much epsilon a task may cost in a calendar year, its noised trainings added up; 0: none. "
        "The two scores of plausibility at epsilon 4 each cost 8.",
        default=8,
        check=_within(0, 100),
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds on what peers may ask of this node."""

    max_message_bytes: int = _setting(
        "Largest message taken or sent.", default=8 * 2**20, check=_within(2**16, 64 * 2**20)
    )
    max_concurrent_calls: int = _setting(
        "Calls served at the same time; more are turned away.", default=512, check=_within(1, 100_000)
    )
    default_deadline_s: int = _setting(
        "Seconds this node waits for a peer's answer.", default=10, check=_within(1, 600)
    )
    max_deadline_s: int = _setting(
        "Longest deadline, in seconds, that a caller may set.", default=60, check=_within(1, 600)
    )


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS certificates."""

    lifetime_hours: int = _setting(
        "Life of a TLS certificate; renewed without interruption at two thirds.",
        default=168,
        check=_within(1, 24 * 90),
    )


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long records are kept."""

    entries_years: int = _setting(
        "Years log entries and receipts are kept.", default=6, check=_within(1, 100)
    )
    operational_days: int = _setting("Days operational logs are kept.", default=180, check=_within(1, 3660))
    sessions_days: int = _setting(
        "Days after its plan's expiry that working material of an aggregation session is kept, such as the holders' "
        "public contexts. Secrets go when the session is over; what was signed, results and the register of "
        "contributions stay.",
        default=90,
        check=_within(1, 3660),
    )


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The whole configuration of one home folder."""

    node: NodeSettings
    store: StoreSettings = field(default_factory=StoreSettings)
    log: LogSettings = field(default_factory=LogSettings)
    exchange: ExchangeSettings = field(default_factory=ExchangeSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    identifiers: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": "Further public numbers of the participant: eori, cbam, unlocode, national.",
            "key_check": _one_of("eori", "cbam", "unlocode", "national"),
        },
    )
    peers: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "doc": 'Where to reach a peer when not at the trust list\'s endpoint: "EU/<LEI>" = "host:port".',
            "key_check": _is_participant,
            "check": _is_endpoint,
        },
    )

    @property
    def name(self) -> ParticipantName:
        """The participant."""
        return ParticipantName.parse(self.node.participant)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles the node claims; the trust list grants them."""
        return frozenset(Role(word) for word in self.node.roles)

    @property
    def log_origin(self) -> str:
        """The origin of this node's log."""
        return self.log.origin or self.name.log_origin

    def store_url(self, home: Path) -> str:
        """The database URL, with a relative SQLite path taken from the home folder."""
        path = self.store.url.removeprefix("sqlite:///")
        if path == self.store.url or path.startswith("/"):
            return self.store.url
        return f"sqlite:///{home.resolve() / path}"


def find_home(option: Path | None, environ: Mapping[str, str]) -> Path:
    """The home folder: `--home`, else the environment, else `./carbonport-home`."""
    if option is not None:
        return option
    named = environ.get(HOME_VARIABLE)
    return Path(named) if named else DEFAULT_HOME


def load_config(home: Path) -> NodeConfig:
    """Read the configuration of a home folder; every problem names the setting."""
    path = home / CONFIG_NAME
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_CONFIG_BYTES + 1)
    except OSError:
        raise Misuse(
            "config-missing",
            found="no configuration",
            expected=f"a home folder with a {CONFIG_NAME}",
            remedy="Run `carbonport init`, or name the right folder with --home or CARBONPORT_HOME.",
            where=str(path),
        ) from None
    return parse_config(content, where=str(path))


def parse_config(content: bytes, *, where: str) -> NodeConfig:
    """The configuration that these bytes say."""
    if len(content) > MAX_CONFIG_BYTES:
        raise _malformed(f"more than {MAX_CONFIG_BYTES} bytes", "a configuration file", where)
    try:
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise _malformed(str(problem), "a TOML file", where) from None
    sections: dict[str, Any] = {}
    for section in fields(NodeConfig):
        table = tables.pop(section.name, {})
        if not isinstance(table, dict):
            raise _malformed("a value in the place of a section", f"a section [{section.name}]", where)
        kind = _section_type(section)
        sections[section.name] = (
            _read_map(section, table, where)
            if kind is None
            else _read_section(section.name, kind, table, where)
        )
    if tables:
        raise _malformed(f"the unknown section or key {sorted(tables)[0]!r}", _known(NodeConfig), where)
    return NodeConfig(**sections)


def write_config(home: Path, config: NodeConfig) -> None:
    """Write the configuration into the home folder (made private), every setting with its explanation."""
    make_private_folder(home)
    text = config_text(config)
    parse_config(text.encode(), where=CONFIG_NAME)
    write_private(home / CONFIG_NAME, text.encode())


def config_text(config: NodeConfig) -> str:
    """The file: every section and setting with its explanation."""
    lines = [
        "# Configuration of a Carbonport node. Unknown keys are refused; `carbonport init` wrote this file."
    ]
    for section in fields(NodeConfig):
        value = getattr(config, section.name)
        kind = _section_type(section)
        lines.append("")
        if kind is None:
            lines += [f"# {section.metadata['doc']}", f"[{section.name}]"]
            lines += [f"{_key(key)} = {_toml(item)}" for key, item in sorted(value.items())]
            continue
        lines += [f"# {(kind.__doc__ or '').strip()}", f"[{section.name}]"]
        for setting in fields(kind):
            lines += [
                f"# {setting.metadata['doc']}",
                f"{setting.name} = {_toml(getattr(value, setting.name))}",
            ]
    return "\n".join(lines) + "\n"


def configuration_reference() -> str:
    """The reference page in Markdown, from the same dataclasses."""
    lines: list[str] = []
    for section in fields(NodeConfig):
        kind = _section_type(section)
        lines += ["", f"## [{section.name}]", ""]
        if kind is None:
            lines.append(section.metadata["doc"])
            continue
        lines += [(kind.__doc__ or "").strip(), "", "| setting | default | meaning |", "|---|---|---|"]
        for setting in fields(kind):
            default = "required" if setting.default is MISSING else f"`{_toml(setting.default)}`"
            lines.append(f"| `{setting.name}` | {default} | {setting.metadata['doc']} |")
    return "\n".join(lines).strip() + "\n"


def _section_type(section: Field[Any]) -> type[Any] | None:
    """The dataclass of a section; None for a section of free keys."""
    kind = get_type_hints(NodeConfig)[section.name]
    return (
        cast("type[Any]", kind) if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__") else None
    )


def _read_section(name: str, kind: type[Any], table: dict[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for setting in fields(kind):
        place = f"{where}: [{name}] {setting.name}"
        if setting.name not in table:
            if setting.default is MISSING:
                raise _malformed("no value", setting.metadata["doc"], place)
            continue
        values[setting.name] = _read_value(table.pop(setting.name), hints[setting.name], setting, place)
    if table:
        raise _malformed(f"the unknown key {sorted(table)[0]!r}", _known(kind), f"{where}: [{name}]")
    return kind(**values)


def _read_map(section: Field[Any], table: dict[str, Any], where: str) -> Mapping[str, str]:
    key_check: Check = section.metadata["key_check"]
    for key, value in table.items():
        place = f"{where}: [{section.name}] {key[:80]}"
        wanted = key_check(key)
        if wanted is not None:
            raise _malformed("an unknown key", wanted, place)
        _read_value(value, str, section, place)
    return dict(table)


def _read_value(value: Any, hint: Any, setting: Field[Any], place: str) -> Any:
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _malformed(f"a {type(value).__name__}", "a whole number", place)
    elif hint is str:
        _require_text(value, place)
    else:
        if not isinstance(value, list):
            raise _malformed(f"a {type(value).__name__}", "a list of texts", place)
        for item in value:
            _require_text(item, place)
        value = tuple(value)
    check: Check | None = setting.metadata.get("check")
    wanted = check(value) if check is not None else None
    if wanted is not None:
        raise _malformed(_toml(value)[:120], wanted, place)
    return value


def _require_text(value: Any, place: str) -> None:
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS or re.search(r"[\x00-\x1f\x7f]", value):
        raise _malformed(
            f"a {type(value).__name__}",
            f"a text of at most {MAX_TEXT_CHARACTERS} printable characters",
            place,
        )


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _known(kind: type[Any]) -> str:
    return "one of " + ", ".join(item.name for item in fields(kind))


def _malformed(found: str, expected: str, where: str) -> Malformed:
    return Malformed(
        "config-setting",
        found=found,
        expected=expected,
        remedy="Mend the configuration; docs/configuration.md explains every setting.",
        where=where,
    )
