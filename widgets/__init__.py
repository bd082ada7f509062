"""Views of the bot's state: they read files, may raise a flag, and never reach the engine."""
