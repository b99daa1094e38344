"""A model as a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from maas_common.errors import InvalidArgumentError
from maas_registry.adapters.envoy_cluster import ClusterOptions, cluster_resource
from maas_registry.core.model import Audience, Model

OPTIONS = ClusterOptions(connect_timeout_s=2.5, ca_file="/etc/ca.pem")
MODEL = Model("m.1", "M", "", "http://m.example:8000/v1", "m", "maas", Audience.NOBODY, (), created=1, updated=1, revision=1)


def cluster(url):
    resource = cluster_resource(replace(MODEL, url=url), OPTIONS)
    cluster = Cluster.FromString(resource.body)
    assert resource.name == cluster.name == cluster.load_assignment.cluster_name == "asset.m.1"
    return cluster


def address(cluster):
    endpoint = cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address
    return endpoint.address, endpoint.port_value


def http(cluster):
    options = HttpProtocolOptions()
    assert cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].Unpack(options)
    return options


def tls(cluster):
    context = UpstreamTlsContext()
    assert cluster.transport_socket.typed_config.Unpack(context)
    return context


@pytest.mark.parametrize(
    ("url", "kind", "where"),
    [
        ("http://m.example:8000/v1", Cluster.STRICT_DNS, ("m.example", 8000)),
        ("http://m.example", Cluster.STRICT_DNS, ("m.example", 80)),
        ("https://m.example", Cluster.STRICT_DNS, ("m.example", 443)),
        ("http://10.0.0.7:8000", Cluster.STATIC, ("10.0.0.7", 8000)),
        ("http://[2001:db8::7]:8000", Cluster.STATIC, ("2001:db8::7", 8000)),
    ],
)
def test_names_are_resolved_by_envoy_and_addresses_taken_as_they_are(url, kind, where):
    assert (cluster(url).type, address(cluster(url))) == (kind, where)


def test_plain_http_is_http_1_without_tls():
    made = cluster("http://m.example/v1")
    assert not made.HasField("transport_socket")
    assert http(made).explicit_http_config.HasField("http_protocol_options")


@pytest.mark.parametrize(
    ("url", "sni", "kind", "name"),
    [("https://m.example/v1", "m.example", "DNS", "m.example"), ("https://10.0.0.7/v1", "", "IP_ADDRESS", "10.0.0.7")],
)
def test_https_servers_must_prove_their_name_or_address_to_the_authorities(url, sni, kind, name):
    made = cluster(url)
    context = tls(made)
    validation = context.common_tls_context.validation_context
    (matcher,) = validation.match_typed_subject_alt_names
    assert (context.sni, validation.trusted_ca.filename) == (sni, "/etc/ca.pem")
    assert (matcher.SanType.Name(matcher.san_type), matcher.matcher.exact) == (kind, name)
    assert http(made).HasField("auto_config")


def test_many_long_streams_fit_and_nothing_is_tried_twice():
    made = cluster("http://m.example/v1")
    (threshold,) = made.circuit_breakers.thresholds
    assert min(threshold.max_connections.value, threshold.max_requests.value, threshold.max_pending_requests.value) >= 100_000
    assert threshold.HasField("max_retries")
    assert threshold.max_retries.value == 0
    assert made.connect_timeout.ToMilliseconds() == 2500


def test_idle_connections_end_before_model_servers_end_them():
    assert http(cluster("http://m.example/v1")).common_http_protocol_options.idle_timeout.ToMilliseconds() < 5000


def test_the_version_changes_with_the_cluster_and_only_then():
    def version(options=OPTIONS, **changes):
        return cluster_resource(replace(MODEL, **changes), options).version

    assert version() == version(description="other", published_to=Audience.ALL, revision=9, upstream_name="x")
    others = [version(url="http://m.example:8001/v1"), version(id="m.2"), version(replace(OPTIONS, connect_timeout_s=3.0))]
    assert len({version(), *others}) == 4


def test_a_url_that_nobody_should_have_stored_has_no_cluster():
    with pytest.raises(InvalidArgumentError):
        cluster("ftp://m.example")
