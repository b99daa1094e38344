"""The wire: what is written by hand is what Envoy's own messages write and read."""

from __future__ import annotations

import pytest
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.service.ratelimit.v3 import rls_pb2
from hypothesis import given
from hypothesis import strategies as st
from maas_common.errors import InvalidArgumentError
from maas_ratelimit.adapters import envoy_rls
from maas_ratelimit.core.plans import Plan

OK, OVER_LIMIT = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
HEADERS = st.lists(
    st.tuples(st.text(st.characters(codec="ascii"), max_size=200), st.text(st.characters(codec="ascii"), max_size=200)), max_size=12
)


def request(*descriptors: dict[str, str], domain: str = "maas") -> bytes:
    packed = rls_pb2.RateLimitRequest(domain=domain, hits_addend=7)
    for entries in descriptors:
        descriptor = packed.descriptors.add()
        descriptor.hits_addend.value = 0
        descriptor.limit.requests_per_unit = 3
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
    return packed.SerializeToString()


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=30))
def test_a_request_is_read_as_envoy_writes_it(domain, entries):
    read = envoy_rls.unpack(request(entries, domain=domain))
    assert (read.domain, dict(envoy_rls.only_descriptor(read))) == (domain, entries)


def test_an_entry_that_is_not_there_is_empty():
    entries = envoy_rls.only_descriptor(envoy_rls.unpack(request({"a": "b"})))
    assert (entries["a"], entries["c"]) == ("b", "")


@given(st.dictionaries(st.text(), st.text(), max_size=30))
def test_entries_alone_are_read_too(entries):
    descriptor = ratelimit_pb2.RateLimitDescriptor(entries=[{"key": key, "value": value} for key, value in entries.items()])
    assert dict(envoy_rls.unpack_entries(descriptor.SerializeToString())) == entries


@pytest.mark.parametrize("descriptors", [(), ({"a": "1"}, {"b": "2"})])
def test_a_request_has_one_descriptor(descriptors):
    with pytest.raises(InvalidArgumentError, match=f"has {len(descriptors)} descriptors"):
        envoy_rls.only_descriptor(envoy_rls.unpack(request(*descriptors)))


def test_bytes_that_are_no_request_are_refused():
    with pytest.raises(InvalidArgumentError, match="not a RateLimitRequest"):
        envoy_rls.unpack(b"\xff\xff")
    with pytest.raises(InvalidArgumentError, match="no descriptor entries"):
        envoy_rls.unpack_entries(b"\n\x05")


def packed(headers) -> bytes:
    return b"".join(envoy_rls.pack_header(name, value) for name, value in headers)


@given(HEADERS, st.integers(0, 3))
def test_an_ok_is_read_as_it_was_meant(headers, descriptors):
    read = rls_pb2.RateLimitResponse.FromString(envoy_rls.pack_ok(descriptors) + packed(headers))
    assert (read.overall_code, [status.code for status in read.statuses]) == (OK, [OK] * descriptors)
    assert [(header.key, header.value) for header in read.response_headers_to_add] == headers
    assert read.raw_body == b""


LEFT, SECONDS = st.integers(-(10**16), 10**16), st.integers(-5, 366 * 86400)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1;r:requests:10:1m:user", (10, rls_pb2.RateLimitResponse.RateLimit.MINUTE)),
        ("1;r:requests:10:7s:user", (10, rls_pb2.RateLimitResponse.RateLimit.UNKNOWN)),
        ("1;r:total_tokens:9000000000000000:month:user", (2**32 - 1, rls_pb2.RateLimitResponse.RateLimit.MONTH)),
    ],
)
@given(headers=HEADERS, left=LEFT, seconds=SECONDS)
def test_the_limit_that_tells_is_read_as_it_was_meant(text, told, headers, left, seconds):
    limit = Plan.parse(text).limits[0]
    ok = rls_pb2.RateLimitResponse.FromString(envoy_rls.pack_ok_by(limit, left, seconds) + packed(headers))
    refusal = rls_pb2.RateLimitResponse.FromString(envoy_rls.pack_over_limit_by(limit, left, seconds, packed(headers)))
    for read, code in ((ok, OK), (refusal, OVER_LIMIT)):
        assert (read.overall_code, [status.code for status in read.statuses]) == (code, [code])
        (status,) = read.statuses
        current = status.current_limit
        assert (current.name, current.requests_per_unit, current.unit) == ("r", *told)
        assert status.limit_remaining == min(max(0, left), 2**32 - 1)
        assert (status.duration_until_reset.seconds, status.HasField("duration_until_reset")) == (max(0, seconds), seconds > 0)
    assert [(header.key, header.value) for header in ok.response_headers_to_add] == headers
    assert [(header.key, header.value) for header in refusal.response_headers_to_add] == [("content-type", "application/json"), *headers]
    assert (ok.raw_body, refusal.raw_body) == (b"", limit.refusal)


def test_what_is_too_large_is_refused_with_a_status_of_its_own():
    read = rls_pb2.RateLimitResponse.FromString(envoy_rls.pack_too_large(b'{"error":{}}'))
    assert (read.overall_code, [status.code for status in read.statuses], read.raw_body) == (OVER_LIMIT, [OVER_LIMIT], b'{"error":{}}')
    assert dict(read.dynamic_metadata) == {"status": "400"}
    assert [(header.key, header.value) for header in read.response_headers_to_add] == [("content-type", "application/json")]


@given(st.from_regex(r"[a-z0-9._/-]{1,128}", fullmatch=True), st.integers(0, 10**15), HEADERS)
def test_what_the_model_and_the_body_are_told_is_merged_into_an_ok(limit_id, cap, headers):
    packed_ok = envoy_rls.pack_ok() + packed(headers) + envoy_rls.pack_throttled(limit_id) + envoy_rls.pack_output_cap(cap)
    read = rls_pb2.RateLimitResponse.FromString(packed_ok)
    assert (read.overall_code, [status.code for status in read.statuses]) == (OK, [OK])
    assert [(header.key, header.value) for header in read.request_headers_to_add] == [("x-maas-throttled", limit_id)]
    assert dict(read.dynamic_metadata) == {"max_output": str(cap)}
    assert [(header.key, header.value) for header in read.response_headers_to_add] == headers
