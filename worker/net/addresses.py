"""Which addresses are not of the public internet, whatever this Python's own tables say. Pure.

The networks are those of IANA's special-purpose address registries for IPv4 and IPv6 that are not
globally reachable (RFC 6890 and its updates), the multicast and reserved ones, and addresses at
which clouds answer their own machines.
"""

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared by carriers, and some clouds' metadata (RFC 6598)
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # Azure's own services, to each of its machines
        "169.254.0.0/16",  # link-local, and most clouds' metadata (RFC 3927)
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.88.99.0/24",  # relays of 6to4, deprecated (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved, and broadcast (RFC 1112)
    )
)
NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(one)
    for one in (
        "64:ff9b:1::/48",  # translation inside one network (RFC 8215)
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them (RFC 2928)
        "2001:db8::/32",  # documentation (RFC 3849)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
PUBLIC_6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out for the internet
# Translation of IPv4 by a network (RFC 6052): judged by what it wraps.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in NOT_PUBLIC_4)
    wrapped = _wrapped(found)
    if wrapped and not all(is_public(str(one)) for one in wrapped):
        return False
    if found in NAT64 or found.ipv4_mapped:
        return True
    return found in PUBLIC_6 and not any(found in network for network in NOT_PUBLIC_6)


def is_private_host(host: str) -> bool:
    """Whether a host, as written, is a private address or a name of this machine or network."""
    name = host.casefold().rstrip(".")
    try:
        return not is_public(name)
    except ValueError:
        pass
    try:  # 127.1, 0x7f000001 and 2130706433 are addresses to those who dial
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))


def _wrapped(found: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that packets to this one end at or pass through."""
    inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in NAT64:
        inside.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return [one for one in inside if one is not None]
