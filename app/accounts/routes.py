"""/me, /api-keys, /settings."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.accounts import service
from app.accounts.models import ApiKey, Settings
from app.accounts.schemas import (
    ApiKeyCreated,
    ApiKeyIn,
    ApiKeyOut,
    ApiKeyPatch,
    ApiKeyQuery,
    MeOut,
    SettingsOut,
    SettingsPatch,
)
from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, page_of, paginate
from app.http.principal import principal

bp = Blueprint("accounts", __name__, description="Your organisation, its API keys and its settings.")

KEY_SORTS = {"created_at": ApiKey.id, "name": ApiKey.name}


@bp.route("/me")
@requires(scope=None)
@bp.response(200, MeOut)
def get_me() -> dict[str, Any]:
    """Show whose key this is and what it may do."""
    who = principal()
    return {
        "organization": service.current(),
        "tier": who.tier,
        "key": service.get_key(who.key_id),
        "user": service.member(who.user_id),
    }


@bp.route("/api-keys")
@requires(scope="keys:admin")
@bp.arguments(ApiKeyQuery, location="query")
@bp.response(200, page_of(ApiKeyOut))
def list_api_keys(query: dict[str, Any]) -> Page:
    """List API keys, revoked ones too."""
    keys = sa.select(ApiKey)
    if "revoked" in query:
        keys = keys.where(ApiKey.revoked_at.is_not(None) if query["revoked"] else ApiKey.revoked_at.is_(None))
    if query.get("search"):
        keys = keys.where(ApiKey.name.icontains(query["search"], autoescape=True))
    return paginate(keys, query, model=ApiKey, sorts=KEY_SORTS, default="-created_at")


@bp.route("/api-keys", methods=("POST",))
@requires(scope="keys:admin", secret=True)
@bp.arguments(ApiKeyIn)
@bp.response(201, ApiKeyCreated)
def create_api_key(data: dict[str, Any]) -> ApiKey:
    """Create an API key; the answer shows its secret once."""
    return service.create_key(principal(), data)


@bp.route("/api-keys/<uuid:key_id>")
@requires(scope="keys:admin")
@bp.response(200, ApiKeyOut)
def get_api_key(key_id: UUID) -> ApiKey:
    """Show an API key, without its secret."""
    return service.get_key(key_id)


@bp.route("/api-keys/<uuid:key_id>", methods=("PATCH",))
@requires(scope="keys:admin")
@bp.arguments(ApiKeyPatch)
@bp.response(200, ApiKeyOut)
def update_api_key(data: dict[str, Any], key_id: UUID) -> ApiKey:
    """Change an API key's name, scopes, addresses or expiry."""
    return service.change_key(principal(), key_id, data)


@bp.route("/api-keys/<uuid:key_id>", methods=("DELETE",))
@requires(scope="keys:admin")
@bp.response(204)
def revoke_api_key(key_id: UUID) -> None:
    """Revoke an API key, at once and for good."""
    service.revoke_key(key_id)


@bp.route("/settings")
@requires(scope="settings:read")
@bp.response(200, SettingsOut)
def get_settings() -> Settings:
    """Show how the organisation invoices."""
    return service.get_settings()


@bp.route("/settings", methods=("PATCH",))
@requires(scope="settings:write")
@bp.arguments(SettingsPatch)
@bp.response(200, SettingsOut)
def update_settings(data: dict[str, Any]) -> Settings:
    """Change settings; what is left out stays."""
    return service.change_settings(data)
