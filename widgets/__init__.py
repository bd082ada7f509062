"""Views of the bot's state; a view may read files and raise a flag, and never reaches the engine."""
