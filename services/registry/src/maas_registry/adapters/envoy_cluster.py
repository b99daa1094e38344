"""A model as Envoy's cluster (envoy.config.cluster.v3)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from maas_registry.core.endpoint import Endpoint
from maas_registry.core.model import Model
from maas_registry.ports import Resource

TYPE_URL = f"type.googleapis.com/{Cluster.DESCRIPTOR.full_name}"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_MOST = 100_000
"""Streams last for minutes and each holds a connection: Envoy's default of 1024 is a few busy minutes."""
_IDLE = Duration(seconds=4)
"""Model servers commonly close idle connections after 5 s; a request sent at that moment would be lost."""


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What all clusters share. `ca_file` is a path in Envoy's file system."""

    connect_timeout_s: float
    ca_file: str


def cluster_name(model_id: str) -> str:
    """What a model's cluster is called; routes reach no cluster of another prefix."""
    return f"asset.{model_id}"


def cluster_resource(model: Model, options: ClusterOptions) -> Resource:
    """The model's cluster. InvalidArgumentError when its URL is none that the registry takes."""
    name = cluster_name(model.id)
    body = _cluster(name, Endpoint.parse(model.url), options).SerializeToString(deterministic=True)
    return Resource(name, hashlib.sha256(body).hexdigest()[:32], body)


def _cluster(name: str, endpoint: Endpoint, options: ClusterOptions) -> Cluster:
    cluster = Cluster(
        name=name,
        type=Cluster.STATIC if endpoint.address else Cluster.STRICT_DNS,
        # Not AUTO: it would take a name's IPv6 addresses even where only IPv4 gets anywhere.
        dns_lookup_family=Cluster.V4_PREFERRED,
        load_assignment=_load_assignment(name, endpoint),
        circuit_breakers=_circuit_breakers(),
    )
    cluster.connect_timeout.FromMilliseconds(round(options.connect_timeout_s * 1000))
    cluster.typed_extension_protocol_options[_HTTP_OPTIONS].CopyFrom(_packed(_http_options(endpoint)))
    if endpoint.is_tls:
        cluster.transport_socket.CopyFrom(
            TransportSocket(name="envoy.transport_sockets.tls", typed_config=_packed(_tls(endpoint, options.ca_file)))
        )
    return cluster


def _load_assignment(name: str, endpoint: Endpoint) -> ClusterLoadAssignment:
    assignment = ClusterLoadAssignment(cluster_name=name)
    address = assignment.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address = endpoint.host
    address.port_value = endpoint.port
    return assignment


def _circuit_breakers() -> CircuitBreakers:
    breakers = CircuitBreakers()
    threshold = breakers.thresholds.add()
    for limit in (threshold.max_connections, threshold.max_pending_requests, threshold.max_requests):
        limit.value = _MOST
    threshold.max_retries.value = 0  # a completion tried twice is paid twice
    return breakers


def _http_options(endpoint: Endpoint) -> HttpProtocolOptions:
    options = HttpProtocolOptions()
    options.common_http_protocol_options.idle_timeout.CopyFrom(_IDLE)
    if endpoint.is_tls:
        options.auto_config.SetInParent()  # HTTP/2 where the server's ALPN offers it
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    return options


def _tls(endpoint: Endpoint, ca_file: str) -> UpstreamTlsContext:
    kind = SubjectAltNameMatcher.IP_ADDRESS if endpoint.address else SubjectAltNameMatcher.DNS
    # RFC 6066: no address is a server name.
    tls = UpstreamTlsContext(sni="" if endpoint.address else endpoint.host)
    validation = tls.common_tls_context.validation_context
    validation.trusted_ca.filename = ca_file
    matcher = validation.match_typed_subject_alt_names.add(san_type=kind)
    matcher.matcher.exact = endpoint.host
    return tls


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message, deterministic=True)
    return packed
