"""The API's operations: names, methods, routes and rooms, without loading the framework.

FastAPI, pydantic's models and the endpoints take longer to import than the rest of the app together, and a timer or a
blob needs none of them. So the app's functions are made from this list. A test compares it with the endpoints.
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
    room: str  # its endpoint is in shared/<room>/endpoints.py

    @property
    def methods(self) -> list[str]:
        """The methods of its function: HEAD goes with GET."""
        return ["GET", "HEAD"] if self.method == "GET" else [self.method]


OPERATIONS = (
    Operation("list_products", "GET", "/products", "catalog"),
    Operation("get_product", "GET", "/products/{asin}", "catalog"),
    Operation("insert_product", "POST", "/products", "catalog"),
    Operation("insert_products", "POST", "/products/batch", "catalog"),
    Operation("update_product", "PATCH", "/products/{asin}", "catalog"),
    Operation("delete_product", "DELETE", "/products/{asin}", "catalog"),
    Operation("list_categories", "GET", "/categories", "catalog"),
    Operation("insert_category", "POST", "/categories", "catalog"),
    Operation("update_category", "PATCH", "/categories/{category_id}", "catalog"),
    Operation("sign_up", "POST", "/auth/signup", "identity"),
    Operation("log_in", "POST", "/auth/login", "identity"),
    Operation("refresh_token", "POST", "/auth/refresh", "identity"),
    Operation("reset_password", "POST", "/auth/password-reset", "identity"),
    Operation("log_out", "POST", "/auth/logout", "identity"),
    Operation("get_me", "GET", "/auth/me", "identity"),
    Operation("find_user", "GET", "/users", "identity"),
    Operation("set_role", "PUT", "/users/{uid}/role", "identity"),
    Operation("create_upload", "POST", "/imports/upload", "imports"),
    Operation("list_imports", "GET", "/imports", "imports"),
    Operation("get_import", "GET", "/imports/{import_id}", "imports"),
    Operation("list_rejects", "GET", "/imports/{import_id}/rejects", "imports"),
    Operation("retry_import", "POST", "/imports/{import_id}/retry", "imports"),
    Operation("cancel_import", "POST", "/imports/{import_id}/cancel", "imports"),
    Operation("health_live", "GET", "/health/live", "health"),
    Operation("health_ready", "GET", "/health/ready", "health"),
)
