"""What all three services share: messages, the protocol, the edge, the Google adapters."""
