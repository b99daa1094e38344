"""models.lua and management.lua: errors in the words of the door that they leave by."""

from __future__ import annotations

import json

import pytest

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("status", "code", "name", "kind"),
    [
        (400, 3, "INVALID_ARGUMENT", "invalid_request_error"),
        (400, 9, "FAILED_PRECONDITION", "invalid_request_error"),
        (401, 16, "UNAUTHENTICATED", "authentication_error"),
        (403, 7, "PERMISSION_DENIED", "authorization_error"),
        (404, 5, "NOT_FOUND", "not_found_error"),
        (409, 6, "ALREADY_EXISTS", "conflict_error"),
        (409, 10, "ABORTED", "conflict_error"),
        (429, 8, "RESOURCE_EXHAUSTED", "rate_limit_error"),
        (499, 1, "CANCELLED", "invalid_request_error"),
        (500, 13, "INTERNAL", "server_error"),
        (500, 99, "UNKNOWN", "server_error"),
        (501, 12, "UNIMPLEMENTED", "server_error"),
        (503, 14, "UNAVAILABLE", "server_error"),
        (504, 4, "DEADLINE_EXCEEDED", "server_error"),
    ],
)
def test_a_service_s_refusal_gets_the_one_shape(management_filter, status, code, name, kind):
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TAKEN", "metadata": {"a": '"}'}}]
    body = json.dumps({"code": code, "message": 'level 2 is "taken"', "details": details}).encode()
    passed = management_filter.response({**JSON, ":status": str(status)}, [body])
    assert json.loads(passed.body) == {
        "error": {"code": status, "status": name, "message": 'level 2 is "taken"', "type": kind, "details": details}
    }
    assert passed.headers == {":status": str(status), "content-type": "application/json", "content-length": str(len(passed.body))}


def test_a_refusal_without_message_and_details_gets_the_one_shape(management_filter):
    passed = management_filter.response({**JSON, ":status": "404"}, [b'{"code":5}'])
    assert json.loads(passed.body)["error"] == {
        "code": 404,
        "status": "NOT_FOUND",
        "message": "",
        "type": "not_found_error",
        "details": [],
    }


@pytest.mark.parametrize("body", [b'{"error":{"code":404}}', b"plain text", b'{"code":"x"}'])
def test_what_is_no_status_of_a_service_passes(management_filter, body):
    passed = management_filter.response({**JSON, ":status": "404"}, [body])
    assert (passed.body, passed.headers) == (body, {**JSON, ":status": "404"})


def test_an_error_without_a_body_gets_none(management_filter):
    assert management_filter.response({":status": "404"}, []).body == b""


def test_what_was_created_is_answered_201(management_filter):
    passed = management_filter.response({**JSON, "x-http-code": "201"}, [b'{"id":"1"}'])
    assert (passed.headers, passed.body) == ({**JSON, ":status": "201"}, b'{"id":"1"}')


@pytest.mark.parametrize(("status", "asked"), [("200", "500"), ("200", "204"), ("404", "201")])
def test_no_other_status_is_taken_from_a_service(management_filter, status, asked):
    passed = management_filter.response({**JSON, ":status": status, "x-http-code": asked}, [b"{}"])
    assert passed.headers == {**JSON, ":status": status}


@pytest.mark.parametrize(
    ("status", "answered", "message", "kind"),
    [
        ("404", 404, "Model not found", "not_found_error"),
        ("400", 503, "The list of models cannot be read right now. Try again shortly.", "server_error"),
        ("401", 503, "The list of models cannot be read right now. Try again shortly.", "server_error"),
        ("500", 503, "The list of models cannot be read right now. Try again shortly.", "server_error"),
    ],
)
def test_the_model_list_fails_in_the_words_of_the_data_path(models_filter, status, answered, message, kind):
    passed = models_filter.response({**JSON, ":status": status}, [b'{"code":5,"message":"internal words"}'])
    assert json.loads(passed.body) == {"error": {"message": message, "type": kind, "code": answered}}
    assert passed.headers == {**JSON, ":status": str(answered), "content-length": str(len(passed.body))}


def test_the_model_list_itself_passes(models_filter):
    passed = models_filter.response(JSON, [b'{"object":"list","data":[]}'])
    assert (passed.body, passed.headers[":status"]) == (b'{"object":"list","data":[]}', "200")


def test_a_head_request_s_error_stays_without_a_body(models_filter):
    assert models_filter.response({":status": "404"}, []).headers == {":status": "404"}
