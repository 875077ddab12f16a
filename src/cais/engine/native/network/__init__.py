"""The native engine's networks: bridges, endpoints, published ports and names.

`networking` has the whole (the `Networking` protocol). `kernel` makes links and namespaces, `firewall` and `rules` keep one nftables table a Cais
root, `names` and `nameserver` answer names at 127.0.0.11 inside each container, `ports` looks after host ports, `rows` keeps what must outlive
the process. Knows nothing of Compose, images or processes in containers. Host side IPv4 only.
"""
