"""Stand-in for Vertex AI: `:predict` of `lyria-002` over an embedded SoundFont composer."""
