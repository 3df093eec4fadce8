"""The kinds of rows. Written by kinds.py."""

from __future__ import annotations

import datetime
from typing import List, Optional

from ._row import RowObject


class Connection(RowObject):
    """One connection."""

    __slots__ = ()

    file: str
    conn: int
    attempt: int
    client_addr: str
    client_port: int
    server_addr: str
    server_port: int
    first_ns: int
    last_ns: int
    packets: int
    outcome: str
    failed: bool
    established: bool
    cause: Optional[str]
    cause_evidence: List[str]
    open_type: str
    close: str
    close_by: Optional[str]
    role_basis: str
    seen: str
    vantage: str
    ecn: str
    history: str
    conn_state: str
    client_state: str
    server_state: str
    syn_count: int
    synack_count: int
    rtt_server_ns: Optional[int]
    rtt_client_ns: Optional[int]
    rtt_total_ns: Optional[int]
    rtt_exact: Optional[bool]
    setup_time_ns: Optional[int]
    syn_frame: Optional[int]
    synack_frame: Optional[int]
    final_ack_frame: Optional[int]
    rst_frame: Optional[int]
    rst_reason: Optional[str]
    icmp_frame: Optional[int]
    icmp_type: Optional[int]
    icmp_code: Optional[int]
    neg_mss_client: Optional[int]
    neg_mss_server: Optional[int]
    neg_wscale_client: Optional[int]
    neg_wscale_server: Optional[int]
    neg_sack: Optional[bool]
    neg_ts: Optional[bool]
    anomalies: List[str]
    first: datetime.datetime
    last: datetime.datetime
    rtt_server: Optional[datetime.timedelta]
    rtt_client: Optional[datetime.timedelta]
    rtt_total: Optional[datetime.timedelta]
    setup_time: Optional[datetime.timedelta]


class Packet(RowObject):
    """One TCP segment."""

    __slots__ = ()

    file: str
    frame: int
    time_ns: int
    conn: int
    attempt: int
    src_addr: str
    src_port: int
    dst_addr: str
    dst_port: int
    seq: int
    ack: Optional[int]
    len: int
    flags: str
    flags_tcpdump: str
    role: str
    stage: str
    copy: str
    final_ack: bool
    client_state: str
    server_state: str
    client_state_before: str
    server_state_before: str
    client_state_proven: bool
    server_state_proven: bool
    retry: Optional[int]
    rto_ns: Optional[int]
    rst_reason: Optional[str]
    anomalies: List[str]
    time: datetime.datetime
    rto: Optional[datetime.timedelta]


class Server(RowObject):
    """One server: address and port."""

    __slots__ = ()

    # Only with `every`.
    from_ns: int
    server_addr: str
    server_port: int
    attempts: int
    complete: int
    complete_percent: Optional[float]
    no_reply: int
    refused: int
    unreachable: int
    no_final_ack: int
    not_accepted: int
    aborted: int
    failed_otherwise: int
    syn_retries_per_attempt: Optional[float]
    rtt_server_min_ns: Optional[int]
    rtt_server_mean_ns: Optional[int]
    rtt_server_max_ns: Optional[int]
    setup_time_max_ns: Optional[int]
    rtt_server_min: Optional[datetime.timedelta]
    rtt_server_mean: Optional[datetime.timedelta]
    rtt_server_max: Optional[datetime.timedelta]
    setup_time_max: Optional[datetime.timedelta]


class Joined(RowObject):
    """One connection between two points of capture."""

    __slots__ = ()

    conn: int
    conn_a: Optional[int]
    conn_b: Optional[int]
    client_addr: Optional[str]
    client_port: Optional[int]
    server_addr: Optional[str]
    server_port: Optional[int]
    translated: List[str]
    client_addr_b: Optional[str]
    client_port_b: Optional[int]
    server_addr_b: Optional[str]
    server_port_b: Optional[int]
    outcome: str
    outcome_a: Optional[str]
    outcome_b: Optional[str]
    path: str
    syn_fate: Optional[str]
    synack_fate: Optional[str]
    final_ack_fate: Optional[str]
    rst_fate: Optional[str]
    joined_by: Optional[str]
    point_a: str
    point_b: str
    lost_to_server: Optional[int]
    lost_to_client: Optional[int]
    lost_octets_to_server: Optional[int]
    lost_octets_to_client: Optional[int]
    appeared_to_server: Optional[int]
    appeared_to_client: Optional[int]
    changed: List[str]
    offset_ns: Optional[int]
    delay_to_server_ns: Optional[int]
    delay_to_client_ns: Optional[int]
    delay_uncertainty_ns: Optional[int]
    offset: Optional[datetime.timedelta]
    delay_to_server: Optional[datetime.timedelta]
    delay_to_client: Optional[datetime.timedelta]
    delay_uncertainty: Optional[datetime.timedelta]
