"""The one authorisation dependency: every route behind it says which role it needs, or nobody gets in."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from mailvane.api.auth.gate import Gate
from mailvane.api.auth.identity import Identity
from mailvane.api.problems import unauthorized
from mailvane.core.accounts import Role

ROLE = "x-role"
"""The extension of the OpenAPI document in which a route declares its role."""
_SCHEME = "bearer "


def needs(role: Role) -> dict[str, Any]:
    """What a route declares, as its `openapi_extra`."""
    return {ROLE: role.value}


class Guard:
    """Lets a request through when its token is valid and its role suffices."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __call__(self, request: Request) -> None:
        """Who asks is in `request.state.identity`; else 401 or 403 is raised."""
        shown = request.headers.getlist("authorization")
        if len(shown) != 1 or not shown[0].lower().startswith(_SCHEME):
            raise unauthorized()
        identity = await self._gate.identify(shown[0][len(_SCHEME) :])
        if identity is None:
            raise unauthorized()
        needed = (getattr(request.scope["route"], "openapi_extra", None) or {}).get(ROLE)
        if needed is None or not identity.may(Role(needed)):
            raise HTTPException(403, "Your role does not allow this.")
        request.state.identity = identity


def _identity(request: Request) -> Identity:
    found = request.state.identity
    if not isinstance(found, Identity):
        raise unauthorized()
    return found


Asker = Annotated[Identity, Depends(_identity)]
"""Who asks, in a route behind the guard."""
