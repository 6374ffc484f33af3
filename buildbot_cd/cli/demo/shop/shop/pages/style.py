"""The look of all pages."""

PAGE_BACKGROUND = "#1d4ed8"
PAGE_TEXT = "#ffffff"
BUTTON_BACKGROUND = "#facc15"
BUTTON_TEXT = "#1e293b"


def sheet():
    """The style sheet."""
    return (
        f"body {{ background: {PAGE_BACKGROUND}; color: {PAGE_TEXT}; font-family: sans-serif; margin: 2em; }}\n"
        f".button {{ background: {BUTTON_BACKGROUND}; color: {BUTTON_TEXT}; border: 0; padding: 0.6em 1.4em; }}\n"
        f"a {{ color: {PAGE_TEXT}; }}\n"
    )
