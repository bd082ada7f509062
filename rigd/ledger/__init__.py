"""Double-entry books of one bot: a projection of the journal that the database itself keeps true."""
