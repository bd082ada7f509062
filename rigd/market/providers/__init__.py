"""Sources of data that are no bars of a session, one module each."""
