"""Pure audio: bytes and arrays in, bytes and arrays out; no clock, no network, no track."""
