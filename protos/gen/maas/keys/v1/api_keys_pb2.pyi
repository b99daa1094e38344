import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from maas.common.v1 import budget_pb2 as _budget_pb2
from maas.common.v1 import enforcement_pb2 as _enforcement_pb2
from maas.common.v1 import limit_pb2 as _limit_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyOwner(_message.Message):
    __slots__ = ("kind", "issuer", "subject")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    issuer: str
    subject: str
    def __init__(self, kind: _Optional[str] = ..., issuer: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class AssetScope(_message.Message):
    __slots__ = ("models", "mcp_servers", "vector_databases", "agents")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MCP_SERVERS_FIELD_NUMBER: _ClassVar[int]
    VECTOR_DATABASES_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    mcp_servers: _containers.RepeatedScalarFieldContainer[str]
    vector_databases: _containers.RepeatedScalarFieldContainer[str]
    agents: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[str]] = ..., mcp_servers: _Optional[_Iterable[str]] = ..., vector_databases: _Optional[_Iterable[str]] = ..., agents: _Optional[_Iterable[str]] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("id", "name", "description", "username", "groups", "creation_date", "expiration_date", "status", "key_prefix", "enforcement", "owner", "created_by", "team", "scope", "subscription", "limits", "budget", "labels", "allowed_ips", "ephemeral", "kind", "last_used_at", "masked_key", "etag", "updated_at", "old_key_expires_at", "pending_reasons", "approved_by", "tenant")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    CREATION_DATE_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_DATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_IPS_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    MASKED_KEY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    OLD_KEY_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    PENDING_REASONS_FIELD_NUMBER: _ClassVar[int]
    APPROVED_BY_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    username: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    creation_date: _timestamp_pb2.Timestamp
    expiration_date: _timestamp_pb2.Timestamp
    status: str
    key_prefix: str
    enforcement: _enforcement_pb2.Enforcement
    owner: KeyOwner
    created_by: str
    team: str
    scope: AssetScope
    subscription: str
    limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    budget: _budget_pb2.Budget
    labels: _containers.ScalarMap[str, str]
    allowed_ips: _containers.RepeatedScalarFieldContainer[str]
    ephemeral: bool
    kind: str
    last_used_at: _timestamp_pb2.Timestamp
    masked_key: str
    etag: str
    updated_at: _timestamp_pb2.Timestamp
    old_key_expires_at: _timestamp_pb2.Timestamp
    pending_reasons: _containers.RepeatedScalarFieldContainer[str]
    approved_by: str
    tenant: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., username: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., creation_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expiration_date: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[str] = ..., key_prefix: _Optional[str] = ..., enforcement: _Optional[_Union[_enforcement_pb2.Enforcement, _Mapping]] = ..., owner: _Optional[_Union[KeyOwner, _Mapping]] = ..., created_by: _Optional[str] = ..., team: _Optional[str] = ..., scope: _Optional[_Union[AssetScope, _Mapping]] = ..., subscription: _Optional[str] = ..., limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., budget: _Optional[_Union[_budget_pb2.Budget, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., allowed_ips: _Optional[_Iterable[str]] = ..., ephemeral: _Optional[bool] = ..., kind: _Optional[str] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., masked_key: _Optional[str] = ..., etag: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., old_key_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pending_reasons: _Optional[_Iterable[str]] = ..., approved_by: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class CreateApiKeyRequest(_message.Message):
    __slots__ = ("name", "description", "expires_in", "username", "groups", "request_id", "ephemeral", "labels", "subscription", "team", "scope", "limits", "budget", "allowed_ips", "kind", "owner_kind")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_IPS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OWNER_KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    expires_in: str
    username: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    ephemeral: bool
    labels: _containers.ScalarMap[str, str]
    subscription: str
    team: str
    scope: AssetScope
    limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    budget: _budget_pb2.Budget
    allowed_ips: _containers.RepeatedScalarFieldContainer[str]
    kind: str
    owner_kind: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., expires_in: _Optional[str] = ..., username: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., ephemeral: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., subscription: _Optional[str] = ..., team: _Optional[str] = ..., scope: _Optional[_Union[AssetScope, _Mapping]] = ..., limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., budget: _Optional[_Union[_budget_pb2.Budget, _Mapping]] = ..., allowed_ips: _Optional[_Iterable[str]] = ..., kind: _Optional[str] = ..., owner_kind: _Optional[str] = ...) -> None: ...

class CreatePersonalApiKeyRequest(_message.Message):
    __slots__ = ("expires_in",)
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    expires_in: str
    def __init__(self, expires_in: _Optional[str] = ...) -> None: ...

class CreateApiKeyResponse(_message.Message):
    __slots__ = ("key", "key_prefix", "id", "name", "username", "created_at", "expires_at", "enforcement", "note", "ephemeral", "subscription", "status", "pending_reasons", "team", "kind")
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PENDING_REASONS_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    key: str
    key_prefix: str
    id: str
    name: str
    username: str
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    enforcement: _enforcement_pb2.Enforcement
    note: str
    ephemeral: bool
    subscription: str
    status: str
    pending_reasons: _containers.RepeatedScalarFieldContainer[str]
    team: str
    kind: str
    def __init__(self, key: _Optional[str] = ..., key_prefix: _Optional[str] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., username: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enforcement: _Optional[_Union[_enforcement_pb2.Enforcement, _Mapping]] = ..., note: _Optional[str] = ..., ephemeral: _Optional[bool] = ..., subscription: _Optional[str] = ..., status: _Optional[str] = ..., pending_reasons: _Optional[_Iterable[str]] = ..., team: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class GetApiKeyConfigRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ApiKeyConfig(_message.Message):
    __slots__ = ("default_expiry", "max_expiry", "ephemeral_expiry", "rotation_grace", "key_prefix", "may_create", "approval_budget", "approval_expiry", "playground_limits", "max_page_size")
    DEFAULT_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    MAX_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    ROTATION_GRACE_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MAY_CREATE_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_BUDGET_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    PLAYGROUND_LIMITS_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    default_expiry: str
    max_expiry: str
    ephemeral_expiry: str
    rotation_grace: str
    key_prefix: str
    may_create: bool
    approval_budget: int
    approval_expiry: str
    playground_limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    max_page_size: int
    def __init__(self, default_expiry: _Optional[str] = ..., max_expiry: _Optional[str] = ..., ephemeral_expiry: _Optional[str] = ..., rotation_grace: _Optional[str] = ..., key_prefix: _Optional[str] = ..., may_create: _Optional[bool] = ..., approval_budget: _Optional[int] = ..., approval_expiry: _Optional[str] = ..., playground_limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., max_page_size: _Optional[int] = ...) -> None: ...

class GetApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListApiKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "username", "team", "status")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    username: str
    team: str
    status: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., username: _Optional[str] = ..., team: _Optional[str] = ..., status: _Optional[_Iterable[str]] = ...) -> None: ...

class ListApiKeysResponse(_message.Message):
    __slots__ = ("api_keys", "next_page_token")
    API_KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    api_keys: _containers.RepeatedCompositeFieldContainer[ApiKey]
    next_page_token: str
    def __init__(self, api_keys: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SearchApiKeysRequest(_message.Message):
    __slots__ = ("filters", "sort", "pagination")
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    PAGINATION_FIELD_NUMBER: _ClassVar[int]
    filters: SearchFilters
    sort: SearchSort
    pagination: SearchPagination
    def __init__(self, filters: _Optional[_Union[SearchFilters, _Mapping]] = ..., sort: _Optional[_Union[SearchSort, _Mapping]] = ..., pagination: _Optional[_Union[SearchPagination, _Mapping]] = ...) -> None: ...

class SearchFilters(_message.Message):
    __slots__ = ("username", "team", "status", "labels_contain", "include_ephemeral", "ephemeral", "name_contains", "owner_kind", "created_after", "created_before", "expires_after", "expires_before", "last_used_after", "last_used_before")
    class LabelsContainEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LABELS_CONTAIN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    NAME_CONTAINS_FIELD_NUMBER: _ClassVar[int]
    OWNER_KIND_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AFTER_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AFTER_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    username: str
    team: str
    status: _containers.RepeatedScalarFieldContainer[str]
    labels_contain: _containers.ScalarMap[str, str]
    include_ephemeral: bool
    ephemeral: bool
    name_contains: str
    owner_kind: str
    created_after: _timestamp_pb2.Timestamp
    created_before: _timestamp_pb2.Timestamp
    expires_after: _timestamp_pb2.Timestamp
    expires_before: _timestamp_pb2.Timestamp
    last_used_after: _timestamp_pb2.Timestamp
    last_used_before: _timestamp_pb2.Timestamp
    def __init__(self, username: _Optional[str] = ..., team: _Optional[str] = ..., status: _Optional[_Iterable[str]] = ..., labels_contain: _Optional[_Mapping[str, str]] = ..., include_ephemeral: _Optional[bool] = ..., ephemeral: _Optional[bool] = ..., name_contains: _Optional[str] = ..., owner_kind: _Optional[str] = ..., created_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SearchSort(_message.Message):
    __slots__ = ("by", "order")
    BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    by: str
    order: str
    def __init__(self, by: _Optional[str] = ..., order: _Optional[str] = ...) -> None: ...

class SearchPagination(_message.Message):
    __slots__ = ("limit", "offset", "page_token")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    limit: int
    offset: int
    page_token: str
    def __init__(self, limit: _Optional[int] = ..., offset: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchApiKeysResponse(_message.Message):
    __slots__ = ("object", "data", "has_more", "next_page_token")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    object: str
    data: _containers.RepeatedCompositeFieldContainer[ApiKey]
    has_more: bool
    next_page_token: str
    def __init__(self, object: _Optional[str] = ..., data: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ..., has_more: _Optional[bool] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateApiKeyRequest(_message.Message):
    __slots__ = ("id", "name", "description", "expires_in", "labels", "subscription", "scope", "limits", "budget", "allowed_ips", "update_mask", "etag")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_IPS_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    description: str
    expires_in: str
    labels: _containers.ScalarMap[str, str]
    subscription: str
    scope: AssetScope
    limits: _containers.RepeatedCompositeFieldContainer[_limit_pb2.Limit]
    budget: _budget_pb2.Budget
    allowed_ips: _containers.RepeatedScalarFieldContainer[str]
    update_mask: _field_mask_pb2.FieldMask
    etag: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., expires_in: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., subscription: _Optional[str] = ..., scope: _Optional[_Union[AssetScope, _Mapping]] = ..., limits: _Optional[_Iterable[_Union[_limit_pb2.Limit, _Mapping]]] = ..., budget: _Optional[_Union[_budget_pb2.Budget, _Mapping]] = ..., allowed_ips: _Optional[_Iterable[str]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class RotateApiKeyRequest(_message.Message):
    __slots__ = ("id", "grace", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    grace: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., grace: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RotateApiKeyResponse(_message.Message):
    __slots__ = ("key", "api_key")
    KEY_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    api_key: ApiKey
    def __init__(self, key: _Optional[str] = ..., api_key: _Optional[_Union[ApiKey, _Mapping]] = ...) -> None: ...

class DisableApiKeyRequest(_message.Message):
    __slots__ = ("id", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class EnableApiKeyRequest(_message.Message):
    __slots__ = ("id", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RevokeApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class BulkRevokeApiKeysRequest(_message.Message):
    __slots__ = ("username", "team", "labels", "dry_run")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    username: str
    team: str
    labels: _containers.ScalarMap[str, str]
    dry_run: bool
    def __init__(self, username: _Optional[str] = ..., team: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class BulkRevokeApiKeysResponse(_message.Message):
    __slots__ = ("revoked_count", "message", "dry_run", "enforcement")
    REVOKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    revoked_count: int
    message: str
    dry_run: bool
    enforcement: _enforcement_pb2.Enforcement
    def __init__(self, revoked_count: _Optional[int] = ..., message: _Optional[str] = ..., dry_run: _Optional[bool] = ..., enforcement: _Optional[_Union[_enforcement_pb2.Enforcement, _Mapping]] = ...) -> None: ...

class DeleteApiKeyRequest(_message.Message):
    __slots__ = ("id", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeleteApiKeyResponse(_message.Message):
    __slots__ = ("enforcement",)
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    enforcement: _enforcement_pb2.Enforcement
    def __init__(self, enforcement: _Optional[_Union[_enforcement_pb2.Enforcement, _Mapping]] = ...) -> None: ...

class ApproveApiKeyRequest(_message.Message):
    __slots__ = ("id", "etag")
    ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    etag: str
    def __init__(self, id: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RejectApiKeyRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ImportApiKeysRequest(_message.Message):
    __slots__ = ("keys", "dry_run")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[ImportedApiKey]
    dry_run: bool
    def __init__(self, keys: _Optional[_Iterable[_Union[ImportedApiKey, _Mapping]]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ImportedApiKey(_message.Message):
    __slots__ = ("sha256", "shown", "name", "description", "username", "groups", "expires_at", "created_at", "labels", "subscription", "team")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    shown: str
    name: str
    description: str
    username: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    expires_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    subscription: str
    team: str
    def __init__(self, sha256: _Optional[str] = ..., shown: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., username: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., subscription: _Optional[str] = ..., team: _Optional[str] = ...) -> None: ...

class ImportApiKeysResponse(_message.Message):
    __slots__ = ("imported", "known", "dry_run", "ids", "enforcement")
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ENFORCEMENT_FIELD_NUMBER: _ClassVar[int]
    imported: int
    known: int
    dry_run: bool
    ids: _containers.RepeatedScalarFieldContainer[str]
    enforcement: _enforcement_pb2.Enforcement
    def __init__(self, imported: _Optional[int] = ..., known: _Optional[int] = ..., dry_run: _Optional[bool] = ..., ids: _Optional[_Iterable[str]] = ..., enforcement: _Optional[_Union[_enforcement_pb2.Enforcement, _Mapping]] = ...) -> None: ...
