"""From a bearer token to somebody with a role."""
