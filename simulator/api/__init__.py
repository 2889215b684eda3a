"""The vendor's rules: which request is answered with what. Pure: no sockets, no faults."""
