"""Double-entry books of one bot: a projection of the journal, kept true by the database."""
