"""The composer: a prompt becomes notes by tables and rules, a SoundFont makes them sound."""
