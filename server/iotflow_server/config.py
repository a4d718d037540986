"""Settings: every limit and address, each from the environment, with a safe default.

``python -m iotflow_server.settings_table`` prints them as the page docs/settings.md.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from iotflow_server.routing.phase import Phase


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


class IotdbSettings(BaseSettings):
    """Where Apache IoTDB is. The names are those of existing deployments."""

    model_config = SettingsConfigDict(env_prefix="IOTDB_", extra="ignore")

    host: str | None = Field(None, description="Host of IoTDB; unset: the deployment has none.")
    port: int = Field(6667, ge=1, le=65535, description="RPC port of IoTDB's DataNode.")
    username: str = Field("root", description="User of IoTDB.")
    password: SecretStr = Field(SecretStr("root"), description="Password of IoTDB.")
    database: str = Field("root.iotflow", description="Path under which the fleet's devices stand.")
    pool_size: int = Field(8, ge=1, le=64, description="Sessions held open.")
    timeout_seconds: float = Field(10.0, gt=0, description="Longest wait for one answer of IoTDB.")

    _empty_is_unset = field_validator("host", mode="before")(_none_if_empty)


class Settings(BaseSettings):
    """The server's settings."""

    model_config = SettingsConfigDict(env_prefix="IOTFLOW_", extra="ignore")

    listen: str = Field("127.0.0.1:50051", description="Address of the gRPC service.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that serve the address, each an instance of the deployment. Limits are of each.",
    )
    metrics_listen: str = Field("127.0.0.1:9464", description="Address of /metrics; empty: off.")
    data_dir: Path = Field(
        Path(".data"),
        description="Folder for the last known phase, the device registry's copy and dirty ranges.",
    )
    postgres_dsn: SecretStr | None = Field(
        None,
        description="PostgreSQL, as a URL; unset: the embedded server keeps its data in IOTFLOW_DATA_DIR.",
    )
    postgres_pool_size: int = Field(10, ge=2, le=200, description="Connections to PostgreSQL for writing and all else.")
    postgres_read_connections: int = Field(
        8, ge=1, le=200, description="Further connections to PostgreSQL, for queries alone."
    )
    postgres_timeout_seconds: float = Field(10.0, gt=0, description="Longest wait for one answer of PostgreSQL.")
    secondary_patience_seconds: float = Field(
        1.0, gt=0, description="Longest wait for the secondary once the primary has stored a write."
    )
    instance_name: str | None = Field(
        None, description="What operators know this process by; unset: the machine's name and the address."
    )
    instance_silence_seconds: float = Field(
        10.0, gt=0, description="An instance that PostgreSQL has not heard of for so long counts as away."
    )
    transition_patience_seconds: float = Field(
        30.0, gt=0, description="A transition that does not get on for so long is undone, while it can be."
    )
    max_dirty_ranges: int = Field(
        10_000,
        ge=10,
        description="Ranges in which a store may differ that are kept apart; more become wider ones, device by device.",
    )
    repair_points_per_second: int = Field(
        0,
        ge=0,
        description="Most points a second that the repair in the background compares, by each process; 0: as many as "
        "live writes bear, half of the time at least. While a transition waits for it nothing holds it back.",
    )
    initial_phase: Phase | None = Field(
        None,
        description="Phase of a new deployment; unset: PREPARATION where IOTDB_HOST is set, else DECOMMISSIONED.",
    )
    open_registration: bool | None = Field(
        None,
        description="Whether an unknown device registers itself by its first write; unset: on loopback only.",
    )
    max_message_bytes: int = Field(16 << 20, ge=1 << 16, description="Largest gRPC message, in bytes.")
    max_records: int = Field(10_000, ge=1, description="Most records in one WriteTelemetry.")
    max_message_points: int = Field(
        1_000_000, ge=1, description="Most points and facts in one message of a stream; it bounds what decoding takes."
    )
    max_text_bytes: int = Field(1 << 20, ge=1, description="Longest text or JSON value, in bytes of UTF-8.")
    max_future_seconds: float | None = Field(
        None,
        gt=0,
        description="How far the timestamp of a point that is written may be ahead of this server's clock; what is "
        "further ahead is rejected. Unset: any moment up to the year 9999 is taken.",
    )
    max_devices_per_query: int = Field(1_000, ge=1, description="Most devices in one query.")
    max_page_size: int = Field(10_000, ge=1, description="Largest page, in points.")
    max_page_bytes: int = Field(
        3 << 20,
        ge=1,
        description="Texts in one page, in bytes; one with more ends early. gRPC callers take 4 MiB.",
    )
    max_aggregate_points: int = Field(
        5_000_000, ge=1, description="Most points that one AggregateTelemetry reads of one device."
    )
    max_aggregate_rows: int = Field(100_000, ge=1, description="Most rows that one AggregateTelemetry returns.")
    rollups: bool = Field(
        True,
        description="Whether this process keeps figures of hours for AggregateTelemetry while reads come from "
        "PostgreSQL; they are used in any case.",
    )
    rollup_lag_seconds: float = Field(
        3600.0, ge=0, description="How long after its end a day (UTC) gets figures; what is written later costs more."
    )
    result_cache: SecretStr | None = Field(
        None,
        description="Where results of AggregateTelemetry and GetLatestTelemetry are kept: a Redis, as a URL, or "
        "`memory`; unset: nowhere. To be set alike for all instances.",
    )
    result_cache_bytes: int = Field(64 << 20, ge=1 << 20, description="Results kept in memory, in bytes.")
    result_cache_seconds: int = Field(3600, ge=1, description="How long Redis keeps a result.")
    max_inflight_bytes: int = Field(
        64 << 20, ge=1 << 20, description="Points taken but not yet stored, in bytes, over all callers."
    )
    max_stream_inflight_bytes: int = Field(
        16 << 20, ge=1 << 16, description="Points taken but not yet stored, in bytes, of one stream."
    )
    keepalive_seconds: float = Field(
        30.0, ge=0.5, description="A connection that is silent for so long is asked whether anybody is there."
    )
    keepalive_timeout_seconds: float = Field(
        10.0, ge=0.5, description="One that does not answer within so long is closed, and its streams are ended."
    )
    unread_acknowledgement_seconds: float = Field(
        300.0,
        ge=0.5,
        description="A stream of writes whose client takes no acknowledgement for so long is ended with "
        "RESOURCE_EXHAUSTED; what it has sent and nobody acknowledged it is to send again.",
    )
    drain_seconds: float = Field(20.0, ge=0, description="Longest wait for calls under way on SIGTERM.")
    job_workers: int = Field(
        2, ge=1, le=16, description="Chunks of a job worked on at once, unless the job says otherwise."
    )
    job_tries: int = Field(
        3, ge=1, description="Tries of a chunk of a job; a store that is away is waited for, and not counted."
    )
    backfill_chunk_points: int = Field(
        250_000, ge=1_000, description="About how many points a backfill carries as one chunk, whole or not at all."
    )
    require_backfill: bool = Field(
        True,
        description="Whether READ_POSTGRES waits for a backfill of everything; else the background repair may do.",
    )
    shadow_read_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the reads that both stores are asked and compared, where both are written.",
    )
    shadow_reads_at_once: int = Field(
        2, ge=1, le=16, description="Such reads under way at once; beyond that none is compared."
    )
    shadow_mismatches_kept: int = Field(1_000, ge=1, description="Reads kept that both stores answered differently.")
    guard_hours: float = Field(
        168.0,
        gt=0,
        description="Mismatches of shadow reads hold a move of reads up for so long, or to the next "
        "verification of everything that finds none.",
    )
    require_verification: bool = Field(
        True,
        description="Whether READ_POSTGRES waits for a verification of everything, within the guard hours, that has "
        "found no differences.",
    )
    verification_listed_differences: int = Field(
        1_000, ge=0, le=5_000, description="Points that the report of a verification lists; others are counted."
    )
    verification_patience_seconds: float = Field(
        30.0, ge=0, description="Longest wait for the repair of known dirty ranges before a difference counts as one."
    )
    continuous_verification_points_per_second: int = Field(
        20_000, ge=1, description="Pace of a verification that begins again whenever it is through."
    )
    archive_file_points: int = Field(
        2_000_000, ge=1_000, description="About how many points of IoTDB an archive keeps in one file."
    )
    job_lease_seconds: float = Field(
        15.0, ge=2, description="A job whose instance is not heard of for so long is taken over by another one."
    )
    job_max_write_seconds: float = Field(
        0.5,
        gt=0,
        description="Jobs work less while a store's live writes take longer at an instance, in 19 of 20 cases.",
    )
    job_max_dirty_ranges: int = Field(
        1_000, ge=0, description="Jobs work less while the secondary lags behind by more dirty ranges."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severity logged.")
    log_format: Literal["json", "console"] = Field("json", description="Form of log lines on stderr.")
    iotdb: IotdbSettings = Field(default_factory=IotdbSettings)

    _empty_is_unset = field_validator(
        "postgres_dsn", "result_cache", "instance_name", "initial_phase", "open_registration", mode="before"
    )(_none_if_empty)

    @field_validator("postgres_dsn")
    @classmethod
    def _is_a_url(cls, dsn: SecretStr | None) -> SecretStr | None:
        # What is said must not repeat any of it: a password may be in it.
        if dsn is not None and not _is_postgres_url(dsn.get_secret_value()):
            raise ValueError(
                "not a URL like postgresql://user:password@host:5432/name, with @ and / escaped as %40, %2F"
            )
        return dsn

    @field_validator("result_cache")
    @classmethod
    def _is_memory_or_redis(cls, place: SecretStr | None) -> SecretStr | None:
        if place is not None and not _is_memory_or_redis(place.get_secret_value()):
            raise ValueError("neither memory nor a URL like redis://:password@host:6379/0")
        return place

    @property
    def known_as(self) -> str:
        """What operators know this process by."""
        return self.instance_name or f"{gethostname()} {self.listen}"

    @property
    def has_iotdb(self) -> bool:
        """Whether an IoTDB is configured."""
        return self.iotdb.host is not None

    @property
    def first_phase(self) -> Phase:
        """The phase a new deployment starts in."""
        return self.initial_phase or (Phase.PREPARATION if self.has_iotdb else Phase.DECOMMISSIONED)

    @property
    def registration_is_open(self) -> bool:
        """Whether unknown devices may register themselves."""
        return _is_loopback(self.listen) if self.open_registration is None else self.open_registration

    def environment(self) -> dict[str, str]:
        """The variables by which another process gets these settings, but for those of IoTDB."""
        given = {name: getattr(self, name) for name in self.model_fields_set if name != "iotdb"}
        return {f"IOTFLOW_{name.upper()}": _variable(value) for name, value in given.items()}


def _variable(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)


def _is_postgres_url(dsn: str) -> bool:
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        return False
    is_plain = parts.netloc.count("@") <= 1 and "@" not in parts.path
    return parts.scheme in ("postgres", "postgresql") and is_plain and port != 0


def _is_memory_or_redis(place: str) -> bool:
    return place == "memory" or urlsplit(place).scheme in ("redis", "rediss", "unix")


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
