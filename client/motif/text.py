"""Text from elsewhere, made fit for a terminal."""


def plain(text: object, widest: int = 80) -> str:
    """*text* on one line, *widest* characters at most; what could move the cursor is a ``?``."""
    return "".join(char if char.isprintable() else "?" for char in str(text)[:widest])
