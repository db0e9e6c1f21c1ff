"""Uses every method of VaultService and TokenService through gRPC; prints what it has seen.

What the test says is JSON on standard input. Certificates are checked by GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.
"""

import json
import re
import sys
import time

try:
    import grpc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpcio`, or `make deps`")

from google.protobuf import timestamp_pb2
from namespace.cloud.iam.v1beta import token_pb2 as iam
from namespace.cloud.iam.v1beta import token_pb2_grpc
from namespace.cloud.vault.v1beta import vault_pb2 as v
from namespace.cloud.vault.v1beta import vault_pb2_grpc
from namespace.stdlib import labels_pb2 as labels

TOLD = json.load(sys.stdin)
UNKNOWN = "sec_abcdefghijklmnopqrst"
MOST = 64 << 10
EQUAL, NOT_EQUAL, EXIST = (labels.LabelFilterEntry.LabelFilterOp.Value(name) for name in ("EQUAL", "NOT_EQUAL", "EXIST"))
SERVICES = {
    "namespace.cloud.vault.v1beta.VaultService": (vault_pb2_grpc.VaultServiceStub, v),
    "namespace.cloud.iam.v1beta.TokenService": (token_pb2_grpc.TokenServiceStub, iam),
}
methods, codes = set(), set()


class Seen(grpc.UnaryUnaryClientInterceptor):
    """Keeps the methods that have answered."""

    def intercept_unary_unary(self, continuation, details, request):
        call = continuation(details, request)
        if call.code() == grpc.StatusCode.OK:
            methods.add(details.method)
        return call


def stubs(token, compression=grpc.Compression.NoCompression):
    """Both services for who shows this token, or none."""
    credentials = grpc.ssl_channel_credentials()
    if token is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    channel = grpc.secure_channel(TOLD["address"], credentials, compression=compression)
    channel = grpc.intercept_channel(channel, Seen())
    return [stub(channel) for stub, _ in SERVICES.values()]


def refused(code, call, request):
    """The message of a call that must fail with this code."""
    try:
        answer = call(request)
    except grpc.RpcError as error:
        assert error.code().name.lower() == code, error
        codes.add(code)
        return error.details()
    raise AssertionError(f"not refused with {code}: {type(answer)}")


vault, tokens = stubs(TOLD["everything"])


def ids(answer):
    return [found.object_id for found in answer.objects]


def secrets():
    both = [labels.Label(name="env", value="prod"), labels.Label(name="app", value="wéb")]
    description = "größer\n第二行"
    request = v.CreateObjectRequest(description=description, value="älpha\n", revealable=True, labels=both)
    made = vault.CreateObject(request)
    prod = made.object_id
    assert re.fullmatch("sec_[0-9a-v]{25}", prod), prod
    assert (made.version, made.description, list(made.labels)) == ("1", description, both), made
    assert made.created_at.seconds > 0 and not made.HasField("deleted_at"), made

    update = v.UpdateObjectRequest(object_id=prod, new_value="bêta", if_version_matches="1")
    updated = vault.UpdateObject(update)
    assert (updated.version, list(updated.labels)) == ("2", both), updated
    assert "at version 2, not 1" in refused("failed_precondition", vault.UpdateObject, update)

    described = vault.DescribeObject(v.DescribeObjectRequest(object_id=prod))
    assert (described.value, described.metadata, list(described.previous)) == ("bêta", updated, [made])
    env = labels.Label(name="env", value="dev")
    dev = vault.CreateObject(v.CreateObjectRequest(value="hidden", labels=[env])).object_id
    assert vault.DescribeObject(v.DescribeObjectRequest(object_id=dev)).value == ""

    def listed(*conditions):
        entries = [labels.LabelFilterEntry(name=name, value=value, op=op) for name, value, op in conditions]
        return ids(vault.ListObjects(v.ListObjectsRequest(label_filter=entries)))

    assert listed(("env", "prod", EQUAL)) == [prod]
    assert listed(("env", "prod", NOT_EQUAL), ("env", "", EXIST)) == [dev]
    assert listed(("env", "", EXIST)) == [prod, dev]
    assert listed(("app", "wéb", EQUAL), ("env", "dev", EQUAL)) == []
    assert listed() == [TOLD["theirs"]["id"], prod, dev]
    no_operator = v.ListObjectsRequest(label_filter=[labels.LabelFilterEntry(name="env")])
    refused("invalid_argument", vault.ListObjects, no_operator)

    with_few_grants(prod, dev)

    refused("failed_precondition", vault.DeleteObject, v.DeleteObjectRequest(object_id=prod, if_version_matches="1"))
    vault.DeleteObject(v.DeleteObjectRequest(object_id=prod, if_version_matches="2"))
    deleted = vault.DescribeObject(v.DescribeObjectRequest(object_id=prod))
    assert deleted.metadata.deleted_at.seconds >= made.created_at.seconds, deleted.metadata
    assert (deleted.metadata.version, deleted.value) == ("2", ""), deleted.metadata
    assert "deleted" in refused("failed_precondition", vault.DeleteObject, v.DeleteObjectRequest(object_id=prod))
    gamma = v.UpdateObjectRequest(object_id=prod, new_value="gamma")
    refused("failed_precondition", vault.UpdateObject, gamma)
    vault.DeleteObject(v.DeleteObjectRequest(object_id=dev))
    assert listed() == [TOLD["theirs"]["id"]]

    for call, request in [(vault.DescribeObject, v.DescribeObjectRequest), (vault.DeleteObject, v.DeleteObjectRequest)]:
        assert UNKNOWN in refused("not_found", call, request(object_id=UNKNOWN))
        refused("invalid_argument", call, request(object_id="no id"))
    refused("not_found", vault.UpdateObject, v.UpdateObjectRequest(object_id=UNKNOWN, new_value="x"))


def with_few_grants(mine, other):
    """The token may describe and list what has the label env=prod."""
    vault, tokens = stubs(TOLD["few"])
    assert ids(vault.ListObjects(v.ListObjectsRequest())) == [mine]
    assert vault.DescribeObject(v.DescribeObjectRequest(object_id=mine)).value == ""
    refused("permission_denied", vault.CreateObject, v.CreateObjectRequest(value="x"))
    # What it may not do reads like what isn't there, whether it knows of it or not.
    unknown = refused("not_found", vault.DescribeObject, v.DescribeObjectRequest(object_id=UNKNOWN))
    for call, request in [
        (vault.UpdateObject, v.UpdateObjectRequest(object_id=mine, new_value="x")),
        (vault.DeleteObject, v.DeleteObjectRequest(object_id=mine)),
        (vault.DescribeObject, v.DescribeObjectRequest(object_id=other)),
    ]:
        assert refused("not_found", call, request).replace(request.object_id, UNKNOWN) == unknown
    grant = iam.Permission(resource_type="vault/object", resource_id="label:env=prod", actions=["describe"])
    more = iam.CreateRevokableTokenRequest(name="more", access=iam.AccessPolicy(grants=[grant]))
    refused("permission_denied", tokens.CreateRevokableToken, more)


def values():
    """Any text comes back as it was, alone and beside others, compressed or not."""
    theirs = TOLD["theirs"]
    assert vault.DescribeObject(v.DescribeObjectRequest(object_id=theirs["id"])).value == theirs["value"]
    texts = ["ü", "\n", "a\r\n\r\nb\n", "=", '\t"\\/\u0001\u007f\u2028\ufeff🙂', "x" * MOST, "é" * (MOST // 2)]
    zipped, _ = stubs(TOLD["everything"], grpc.Compression.Gzip)
    for value in texts:
        for stub in (vault, zipped):
            made = stub.CreateObject(v.CreateObjectRequest(value=value, revealable=True))
            assert stub.DescribeObject(v.DescribeObjectRequest(object_id=made.object_id)).value == value
    many = [f"{n} " * (n * 100 + 1) for n in range(40)]
    made = [vault.CreateObject.future(v.CreateObjectRequest(value=value, revealable=True)) for value in many]
    read = [vault.DescribeObject.future(v.DescribeObjectRequest(object_id=one.result().object_id)) for one in made]
    assert [one.result().value for one in read] == many

    for value in ("", "a\0b", "x" * (MOST + 1)):
        refused("invalid_argument", vault.CreateObject, v.CreateObjectRequest(value=value))
    for stub in (vault, zipped):
        refused("resource_exhausted", stub.CreateObject, v.CreateObjectRequest(value="x" * (3 << 19)))
        # The connection is still good.
        stub.ListObjects(v.ListObjectsRequest())
    return vault.CreateObject(v.CreateObjectRequest(value=TOLD["ours"], revealable=True)).object_id


def nobody():
    for token in (None, "nonsense", "amp_" + "A" * 43):
        for stub, (_, module) in zip(stubs(token), SERVICES.values()):
            [service] = module.DESCRIPTOR.services_by_name.values()
            for method in service.methods:
                request = getattr(module, method.input_type.name)()
                assert "bearer token" in refused("unauthenticated", getattr(stub, method.name), request)


def many_tokens():
    def grants(*actions):
        return iam.AccessPolicy(
            grants=[iam.Permission(resource_type="vault/object", resource_id="*", actions=list(actions))]
        )

    expires_at = timestamp_pb2.Timestamp(seconds=int(time.time()) + 86_400)
    request = iam.CreateRevokableTokenRequest(
        name="größer", description="zwei\nZeilen", expires_at=expires_at, access=grants("list")
    )
    made = tokens.CreateRevokableToken(request)
    token = made.token
    assert made.bearer_token.startswith("amp_")
    assert (token.name, token.description, token.expires_at) == ("größer", "zwei\nZeilen", expires_at), token
    assert token.token_id.startswith("tok_") and token.tenant_id.startswith("tenant_"), token
    assert not token.HasField("revoked_at") and token.revoked_by_actor_id == "", token

    def create(**fields):
        return iam.CreateRevokableTokenRequest(**{"name": "wrong", "access": grants("list"), **fields})

    assert '"größer"' in refused("already_exists", tokens.CreateRevokableToken, create(name="größer"))
    policy = iam.TenantTokenPolicy(policy_type="a", value="b")
    for wrong in ({"name": ""}, {"access": iam.AccessPolicy()}, {"policies": [policy]}):
        refused("invalid_argument", tokens.CreateRevokableToken, create(**wrong))
    holder, _ = stubs(made.bearer_token)
    assert ids(holder.ListObjects(v.ListObjectsRequest())) == [], "describes nothing, so lists nothing"
    refused("permission_denied", holder.CreateObject, v.CreateObjectRequest(value="x"))

    def listed(**fields):
        return list(tokens.ListRevokableTokens(iam.ListRevokableTokensRequest(**fields)).tokens)

    known = listed()
    assert [one.name for one in known] == ["everything", "few", "größer"] and known[2] == token, known
    pages, cursor = [], b""
    while not pages or cursor:
        page = iam.ListRevokableTokensRequest(pagination_cursor=cursor, max_entries=1)
        page = tokens.ListRevokableTokens(page)
        pages += page.tokens
        cursor = page.pagination_cursor
    assert pages == known, pages
    for wrong in ({"max_entries": -1}, {"pagination_cursor": b"\1"}):
        refused("invalid_argument", tokens.ListRevokableTokens, iam.ListRevokableTokensRequest(**wrong))

    tokens.RevokeRevokableToken(iam.RevokeRevokableTokenRequest(token_id=token.token_id))
    refused("unauthenticated", holder.ListObjects, v.ListObjectsRequest())
    assert len(listed()) == 2
    revoked = listed(include_revoked=True)[2]
    assert (revoked.token_id, revoked.revoked_by_actor_id) == (token.token_id, known[0].token_id), revoked
    assert revoked.revoked_at.seconds >= token.created_at.seconds, revoked
    for code, token_id in (("not_found", "tok_abcdefghijklmnopqrst"), ("invalid_argument", "")):
        refused(code, tokens.RevokeRevokableToken, iam.RevokeRevokableTokenRequest(token_id=token_id))

    more = [tokens.CreateRevokableToken(create(name=name)) for name in ("one", "two")]
    creator = known[0].token_id

    def batch(**fields):
        request = iam.BatchRevokeRevokableTokenRequest(created_by_actor_id=creator, **fields)
        return list(tokens.BatchRevokeRevokableToken(request).revoked_token_ids)

    refused("invalid_argument", tokens.BatchRevokeRevokableToken, iam.BatchRevokeRevokableTokenRequest())
    assert batch(before=timestamp_pb2.Timestamp()) == []
    assert batch() == [one.token.token_id for one in more]
    ended, _ = stubs(more[1].bearer_token)
    refused("unauthenticated", ended.ListObjects, v.ListObjectsRequest())


secrets()
id = values()
nobody()
many_tokens()
print(json.dumps({"methods": sorted(methods), "codes": sorted(codes), "id": id}))
