#!/bin/sh
# One question to a swarm with nothing but redis-cli: sh producer.sh CLIENT SWARM MESSAGE
# Prints the reply as JSON. REDIS_URL and SWARMLINE_NAMESPACE say where. For a namespace of one shard: with more, the
# number in the braces is the CRC-32 of the client id modulo the number of shards.
set -eu
[ $# -eq 3 ] || { echo "usage: sh producer.sh CLIENT SWARM MESSAGE" >&2; exit 2; }
redis() { redis-cli -u "${REDIS_URL:-redis://localhost:6379}" "$@"; }
shard="${SWARMLINE_NAMESPACE:-swarmline}:{0}"
request_id="sh-$$-$(date +%s)"

# JSON by hand: backslashes and quotes are escaped, and the message is one line.
message=$(printf '%s' "$3" | sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n\t' '  ')

redis XADD "$shard:requests" '*' v 1 requestId "$request_id" clientId "$1" swarmName "$2" kind execute \
    body "{\"message\":\"$message\"}" >/dev/null

# Nothing, then the marker of a request under way, then the reply.
for _ in $(seq 600); do
    reply=$(redis --raw GET "$shard:result:$request_id")
    case $reply in
        '' | *'"status":"accepted"'*) sleep 0.1 ;;
        *) printf '%s\n' "$reply"; exit 0 ;;
    esac
done
echo "no reply within a minute; it will be at $shard:result:$request_id" >&2
exit 1
