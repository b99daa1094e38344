"""Tokens that a cluster vouches for, asked about at an API server that speaks TLS and TokenReview v1."""

from __future__ import annotations

import asyncio

import pytest
from maas_common.auth.kubernetes import REMEMBERED_S, Cluster, TokenReviewer
from maas_common.errors import UnauthenticatedError, UnavailableError
from maas_common.testing import FakeClock

TOKEN = "robots-token"
ROBOT = "system:serviceaccount:team-a:robot"
GROUPS = ["system:serviceaccounts", "system:serviceaccounts:team-a", "system:authenticated"]


class ApiServer:
    """What a kube-apiserver answers, for the tokens that it knows: their user and the audiences that they are meant for."""

    def __init__(self):
        self.tokens = {TOKEN: ({"username": ROBOT, "uid": "u-1", "groups": GROUPS, "extra": {"a": ["b"]}}, ["maas"])}
        self.credential = "our-own-token"
        self.knows_audiences = True
        self.broken = None
        self.reviews = 0

    def __call__(self, asked):
        if asked.headers.get("Authorization") != f"Bearer {self.credential}":
            return 401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "code": 401}
        if asked.path != "/apis/authentication.k8s.io/v1/tokenreviews":
            return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.reviews += 1
        if self.broken:
            return self.broken
        review = asked.document
        assert (review["apiVersion"], review["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
        return 201, review | {"metadata": {"creationTimestamp": None}, "status": self.status(review["spec"])}

    def status(self, spec):
        user, audiences = self.tokens.get(spec["token"], (None, []))
        wanted = spec["audiences"] or ["https://kubernetes.default.svc"]
        meant = [audience for audience in wanted if audience in audiences]
        if user is None or (self.knows_audiences and not meant):
            return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        return {"authenticated": True, "user": user, "audiences": meant} if self.knows_audiences else {"authenticated": True, "user": user}


class World:
    def __init__(self, url, api, ca_file, folder):
        self.api = api
        self.clock = FakeClock()
        self.token_file = folder / "token"
        self.token_file.write_text(api.credential + "\n")
        self._about = {"api_url": url, "token_file": self.token_file, "ca_file": ca_file}
        self.reviewer = self.reviewer_of()

    def reviewer_of(self, **fields):
        defaults = {"audiences": ("maas",), "groups_prefix": "kubernetes:", "tenant": "default"}
        return TokenReviewer(Cluster(**(self._about | defaults | fields)), self.clock)

    def whose(self, token=TOKEN, reviewer=None):
        return asyncio.run((reviewer or self.reviewer).authenticate(token))

    def refused(self, token, reviewer=None):
        with pytest.raises(UnauthenticatedError) as caught:
            self.whose(token, reviewer)
        assert caught.value.message == "Invalid or expired token"


@pytest.fixture
def world(serving, certificate, tmp_path):
    api = ApiServer()
    with serving(api) as url:
        yield World(url, api, certificate[0], tmp_path)


def test_a_service_account_is_known_by_its_name_in_the_cluster(world):
    robot = world.whose()
    assert (robot.issuer, robot.subject, robot.username, robot.tenant) == ("kubernetes", ROBOT, ROBOT, "default")
    assert robot.groups == (*(f"kubernetes:{group}" for group in GROUPS), "system:authenticated")
    assert (robot.issued_at, robot.roles) == (world.clock.now(), frozenset())


def test_groups_and_tenant_are_as_configured(world):
    robot = world.whose(reviewer=world.reviewer_of(groups_prefix="", tenant="acme"))
    assert (robot.tenant, robot.groups) == ("acme", tuple(GROUPS))


def test_tokens_that_the_cluster_does_not_know_are_refused(world):
    for token in ("junk", "", "a.b.c"):
        world.refused(token)


def test_a_token_for_another_audience_is_refused(world):
    world.api.tokens["others"] = ({"username": ROBOT, "groups": []}, ["https://kubernetes.default.svc"])
    world.refused("others")
    assert world.whose("others", world.reviewer_of(audiences=())).subject == ROBOT


def test_an_api_server_that_knows_no_audiences_is_not_believed_to_have_checked_ours(world):
    world.api.knows_audiences = False
    world.refused(TOKEN)
    assert world.whose(reviewer=world.reviewer_of(audiences=())).subject == ROBOT


@pytest.mark.parametrize("user", [{}, {"username": ""}, {"username": "a\x1fb"}, {"username": 5}, {"username": "x" * 256}, None, "robot"])
def test_a_user_that_could_not_be_told_from_others_is_refused(world, user):
    world.api.broken = 201, {"status": {"authenticated": True, "user": user, "audiences": ["maas"]}}
    world.refused(TOKEN)


@pytest.mark.parametrize("groups", [None, "admins", [5, "a\nb"], {}])
def test_groups_that_are_none_are_left_out(world, groups):
    world.api.tokens[TOKEN] = ({"username": ROBOT, "groups": groups}, ["maas"])
    assert world.whose().groups[-1] == "system:authenticated"
    assert len(world.whose().groups) == (2 if groups == "admins" else 1)


def test_an_answer_is_remembered_for_a_moment_and_no_longer(world):
    for _ in range(3):
        assert world.whose().subject == ROBOT
        world.refused("junk")
    assert world.api.reviews == 2
    del world.api.tokens[TOKEN]
    world.clock.advance(REMEMBERED_S)
    world.refused(TOKEN)


def test_our_own_token_is_read_again_when_it_was_rotated(world):
    world.api.credential = "rotated"
    with pytest.raises(UnavailableError):
        world.whose()
    world.token_file.write_text("rotated")
    assert world.whose().subject == ROBOT


@pytest.mark.parametrize(
    "answer",
    [(403, {"kind": "Status"}), (500, {}), (201, b"no JSON"), (201, []), (201, {"kind": "TokenReview"}), (201, {"status": "fine"})],
)
def test_an_api_server_that_says_nothing_about_the_token_is_unavailable_and_asked_again(world, answer, capsys):
    world.api.broken = answer
    with pytest.raises(UnavailableError, match="the Kubernetes API server can't be asked"):
        world.whose()
    world.api.broken = None
    assert world.whose().subject == ROBOT
    said = capsys.readouterr().out
    assert "token not reviewed" in said
    assert TOKEN not in said
    assert "our-own-token" not in said


def test_an_api_server_with_another_certificate_or_none_there_is_unavailable(world, tmp_path):
    wrong = world.reviewer_of(api_url="https://127.0.0.1:1")
    with pytest.raises(UnavailableError):
        world.whose(reviewer=wrong)
    world.token_file.unlink()
    with pytest.raises(UnavailableError):
        world.whose()


def test_many_at_once_get_their_answers_and_the_api_server_few_questions_at_a_time(world):
    async def main():
        return await asyncio.gather(*(world.reviewer.authenticate(TOKEN) for _ in range(30)))

    assert {robot.subject for robot in asyncio.run(main())} == {ROBOT}
