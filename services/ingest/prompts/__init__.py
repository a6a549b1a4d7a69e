"""From an image to a prompt: what is taken in, what Gemini says of it, and what is kept."""
