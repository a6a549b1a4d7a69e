"""Gemini's `:generateContent` for one image: what colour, light and edges tell, and no more."""
