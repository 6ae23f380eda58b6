"""The web: where requests become calls of the services, and results become pages."""
