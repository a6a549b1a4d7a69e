"""What the routes share: bodies, queries, cursors, CORS."""
