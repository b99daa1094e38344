"""ModelsService as administrators meet it."""

from __future__ import annotations

import grpc
from maas.registry.v1 import models_pb2 as pb
from maas_common.errors import UnavailableError

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def test_a_model_is_registered_read_changed_and_removed(in_world, refused):
    async def scenario(world):
        made = await world.add_model("org.model-7b", url="HTTPS://Models.Example.org/v1/", upstream_name="org/Model-7B", published_to="all")
        assert (made.id, made.url, made.upstream_name, made.owned_by) == (
            "org.model-7b",
            "https://models.example.org/v1",
            "org/Model-7B",
            "maas",
        )
        assert (made.published_to, made.state, made.created) == ("all", "pending", int(world.clock.now()))
        assert (made.enforcement.enforced, made.etag) == (True, str(made.enforcement.revision))

        read = await world.model("org.model-7b")
        assert not read.HasField("enforcement")
        made.ClearField("enforcement")
        assert read == made

        world.clock.advance(60)
        update = pb.UpdateModelRequest(id="org.model-7b", url="http://10.0.0.7:8000", etag=made.etag)
        changed = await world.models.UpdateModel(update, metadata=world.admin)
        assert (changed.url, changed.upstream_name, changed.updated - changed.created) == ("http://10.0.0.7:8000", "org/Model-7B", 60)

        assert (await world.delete_model("org.model-7b")).enforcement.enforced
        assert (await refused(world.model("org.model-7b"))).code is grpc.StatusCode.NOT_FOUND

    in_world(scenario)


def test_registration_asks_for_201(in_world):
    async def scenario(world):
        call = world.models.CreateModel(pb.CreateModelRequest(id="m", url="http://m.example"), metadata=world.admin)
        await call
        assert dict(await call.initial_metadata())["x-http-code"] == "201"

    in_world(scenario)


def test_a_list_is_emptied_by_naming_it_in_the_mask(in_world):
    async def scenario(world):
        await world.add_tier("free", 0)
        await world.add_model("m", tiers=["free"])
        update = pb.UpdateModelRequest(id="m", published_to="nobody", update_mask={"paths": ["tiers", "upstream_name"]})
        model = await world.models.UpdateModel(update, metadata=world.admin)
        assert (list(model.tiers), model.published_to, model.upstream_name) == ([], "nobody", "m")

    in_world(scenario)


def test_a_price_is_kept_told_to_watchers_changed_and_taken_away(in_world):
    async def scenario(world):
        price = pb.Pricing(input=150_000, output=600_000, cached=0)
        assert (await world.add_model("m", pricing=price)).pricing == price
        assert (await world.model("m")).pricing == price

        async def update(**fields):
            return await world.models.UpdateModel(pb.UpdateModelRequest(id="m", **fields), metadata=world.admin)

        assert (await update(description="Cheap.")).pricing == price
        dearer = await update(pricing={"input": 1}, update_mask={"paths": ["pricing"]})
        assert dearer.pricing == pb.Pricing(input=1)
        assert not dearer.pricing.HasField("cached")
        watch = await world.watch()
        assert (await watch.take()).snapshot.models[0].pricing == dearer.pricing
        await watch.call.done_writing()
        assert not (await update(update_mask={"paths": ["pricing"]})).HasField("pricing")

    in_world(scenario)


REFUSALS = [
    ("CreateModel", pb.CreateModelRequest(id="m", url="http://x"), grpc.StatusCode.ALREADY_EXISTS, "is already registered", []),
    ("CreateModel", pb.CreateModelRequest(id="a/b", url="http://x"), INVALID, "id", ["id"]),
    ("CreateModel", pb.CreateModelRequest(id="M", url="http://x"), INVALID, "id", ["id"]),
    ("CreateModel", pb.CreateModelRequest(id="new"), INVALID, "url", ["url"]),
    ("CreateModel", pb.CreateModelRequest(id="new", url="ftp://x"), INVALID, 'scheme is "ftp"', ["url"]),
    ("CreateModel", pb.CreateModelRequest(id="new", url="http://nowhere.example"), INVALID, "does not resolve: Name or service", ["url"]),
    ("CreateModel", pb.CreateModelRequest(id="new", url="http://127.0.0.1:8000"), INVALID, "is a loopback address", ["url"]),
    (
        "CreateModel",
        pb.CreateModelRequest(id="new", url="http://metadata.example"),
        INVALID,
        'host "metadata.example" resolves to 169.254.169.254, a cloud\'s metadata address',
        ["url"],
    ),
    ("CreateModel", pb.CreateModelRequest(id="new", url="http://api.example"), INVALID, "in a range that is refused here", ["url"]),
    (
        "CreateModel",
        pb.CreateModelRequest(id="new", url="http://x", tiers=["gold"]),
        INVALID,
        'tier "gold" does not exist; there are: free',
        ["tiers[0]"],
    ),
    ("CreateModel", pb.CreateModelRequest(id="new", url="http://x", published_to="friends"), INVALID, "published_to", ["published_to"]),
    (
        "CreateModel",
        pb.CreateModelRequest(id="new", url="http://x", pricing={"input": 10**12 + 1}),
        INVALID,
        "pricing.input",
        ["pricing.input"],
    ),
    ("UpdateModel", pb.UpdateModelRequest(id="m", pricing={"cached": 10**12 + 1}), INVALID, "pricing.cached", ["pricing.cached"]),
    ("GetModel", pb.GetModelRequest(id="other"), grpc.StatusCode.NOT_FOUND, 'model "other" does not exist', []),
    ("UpdateModel", pb.UpdateModelRequest(id="m", url="http://127.0.0.1"), INVALID, "is a loopback address", ["url"]),
    ("UpdateModel", pb.UpdateModelRequest(id="m", update_mask={"paths": ["url"]}), INVALID, 'scheme is ""', ["url"]),
    ("UpdateModel", pb.UpdateModelRequest(id="m", update_mask={"paths": ["id"]}), INVALID, '"id" is no field', ["update_mask"]),
    ("UpdateModel", pb.UpdateModelRequest(id="m", etag="1"), grpc.StatusCode.ABORTED, "was changed meanwhile", []),
    ("DeleteModel", pb.DeleteModelRequest(id="m", etag="1"), grpc.StatusCode.ABORTED, "was changed meanwhile", []),
    ("DeleteModel", pb.DeleteModelRequest(id="other"), grpc.StatusCode.NOT_FOUND, 'model "other" does not exist', []),
    ("ListModels", pb.ListModelsRequest(page_token="WzFd"), INVALID, "page_token", ["page_token"]),
]


def test_refusals_say_what_is_wrong_and_where(in_world, refused):
    async def scenario(world):
        world.names.known = {"nowhere.example": [], "metadata.example": ["203.0.113.1", "169.254.169.254"], "api.example": ["10.96.0.1"]}
        await world.add_tier("free", 0)
        await world.add_model("m")
        for method, request, code, message, fields in REFUSALS:
            refusal = await refused(getattr(world.models, method)(request, metadata=world.admin))
            assert (refusal.code, refusal.fields) == (code, fields), refusal
            assert message in refusal.message
        assert [model.id for model in (await world.models.ListModels(pb.ListModelsRequest(), metadata=world.admin)).models] == ["m"]

    in_world(scenario, refused_endpoint_ranges=["10.96.0.1/32"])


def test_an_allowed_range_opens_loopback(in_world):
    async def scenario(world):
        assert (await world.add_model("m", url="http://127.0.0.1:8000/v1")).url == "http://127.0.0.1:8000/v1"

    in_world(scenario, allowed_endpoint_ranges=["127.0.0.0/8"])


def test_an_update_without_a_url_needs_no_name_server(in_world):
    async def scenario(world):
        await world.add_model("m")

        async def unreachable(host):
            raise UnavailableError(f"{host}?")

        world.names.addresses = unreachable
        update = pb.UpdateModelRequest(id="m", description="Still here.")
        assert (await world.models.UpdateModel(update, metadata=world.admin)).description == "Still here."

    in_world(scenario)


def test_models_are_listed_by_id_a_page_at_a_time(in_world):
    async def scenario(world):
        for model_id in ("c", "a.b", "a-b", "b"):
            await world.add_model(model_id)
        request, seen = pb.ListModelsRequest(page_size=3), []
        while True:
            answer = await world.models.ListModels(request, metadata=world.admin)
            seen.append([model.id for model in answer.models])
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        assert seen == [["a-b", "a.b", "b"], ["c"]]

    in_world(scenario)
