"""The API's operations as the app's functions need them: names, methods and routes, without loading the framework.

FastAPI, pydantic's models and the endpoints take longer to import than all the rest of the app together, and a timer or
a blob needs none of them. A test holds this list and the endpoints together.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "/api"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API; its name is its operation id and the name of its function."""

    name: str
    method: str
    path: str  # below PREFIX

    @property
    def methods(self) -> list[str]:
        """The methods of its function: HEAD wherever GET is."""
        return ["GET", "HEAD"] if self.method == "GET" else [self.method]


OPERATIONS = (
    Operation("list_products", "GET", "/products"),
    Operation("get_product", "GET", "/products/{asin}"),
    Operation("insert_product", "POST", "/products"),
    Operation("insert_products", "POST", "/products/batch"),
    Operation("update_product", "PATCH", "/products/{asin}"),
    Operation("delete_product", "DELETE", "/products/{asin}"),
    Operation("list_categories", "GET", "/categories"),
    Operation("insert_category", "POST", "/categories"),
    Operation("update_category", "PATCH", "/categories/{category_id}"),
    Operation("sign_up", "POST", "/auth/signup"),
    Operation("log_in", "POST", "/auth/login"),
    Operation("refresh_token", "POST", "/auth/refresh"),
    Operation("reset_password", "POST", "/auth/password-reset"),
    Operation("log_out", "POST", "/auth/logout"),
    Operation("get_me", "GET", "/auth/me"),
    Operation("find_user", "GET", "/users"),
    Operation("set_role", "PUT", "/users/{uid}/role"),
    Operation("create_upload", "POST", "/imports/upload"),
    Operation("list_imports", "GET", "/imports"),
    Operation("get_import", "GET", "/imports/{import_id}"),
    Operation("list_rejects", "GET", "/imports/{import_id}/rejects"),
    Operation("retry_import", "POST", "/imports/{import_id}/retry"),
    Operation("cancel_import", "POST", "/imports/{import_id}/cancel"),
    Operation("health_live", "GET", "/health/live"),
    Operation("health_ready", "GET", "/health/ready"),
)
