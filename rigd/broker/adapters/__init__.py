"""One module per broker; each translates its vendor's words and errors at its border."""
