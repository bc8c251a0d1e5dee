"""Everything in a Redis as JSON, and back."""

from typing import Any

BYTES = "surrogateescape"  # how what is no text lies in JSON, and comes out as it was


def dumped(client: Any) -> dict[str, Any]:
    """Every key with its type, value and time to live."""
    found = {}
    for key in sorted(client.scan_iter("*")):
        kind = client.type(key).decode()
        found[key.decode()] = {
            "type": kind,
            "ttl": client.ttl(key),
            "value": _value(client, key, kind),
        }
    return found


def _value(client: Any, key: bytes, kind: str) -> Any:
    match kind:
        case "string":
            return client.get(key).decode()
        case "hash":
            return _texts(client.hgetall(key))
        case "set":
            return sorted(member.decode() for member in client.smembers(key))
        case "zset":
            return {
                name.decode(): score for name, score in client.zrange(key, 0, -1, withscores=True)
            }
        case "list":
            # Lines of a timeline may be deflated: bytes that are no text.
            return [item.decode(errors=BYTES) for item in client.lrange(key, 0, -1)]
        case "stream":
            return [[entry.decode(), _texts(fields)] for entry, fields in client.xrange(key)]
    raise AssertionError(f"{key!r} is a {kind}")


def _texts(pairs: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in pairs.items()}


def loaded(client: Any, keys: dict[str, Any]) -> None:
    """Write every key as it was."""
    for key, entry in keys.items():
        value = entry["value"]
        match entry["type"]:
            case "string":
                client.set(key, value)
            case "hash":
                client.hset(key, mapping=value)
            case "set":
                client.sadd(key, *value)
            case "zset":
                client.zadd(key, value)
            case "list":
                client.rpush(key, *(item.encode(errors=BYTES) for item in value))
            case "stream":
                for entry_id, fields in value:
                    client.xadd(key, fields, id=entry_id)
        if entry["ttl"] >= 0:
            client.expire(key, max(entry["ttl"], 60))
