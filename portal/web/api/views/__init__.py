"""The views of the endpoint, by what they are about. Importing them declares their routes."""

from portal.web.api.views import accounts, customers, programs, redemptions

__all__ = ["accounts", "customers", "programs", "redemptions"]
