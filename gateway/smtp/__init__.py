"""An SMTP server without input or output: bytes in; events and replies out.

Nothing here opens a socket, reads a clock or waits (the idea of h11), so that
every dialogue can be tested as values. `gateway.listener` puts it on the wire.
"""
