"""Who may do what: users, roles, passwords, sessions, and a record of every attempt."""
