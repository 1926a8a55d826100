"""Plain Python rules of signing in."""
