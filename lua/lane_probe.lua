-- One round of proof that Redis does its work: takes a write, gives it back, and sends a message that the caller waits
-- for on its subscriber. A ping would be answered by a server that is full, read-only or deaf on its subscriptions.
--
-- Returns one of
--   { 'ALIVE', read_back, now }   what the key says after the write, and Redis' own clock in milliseconds
local probe_key = KEYS[1]           -- string: this instance's own, holds the nonce
local nonce     = ARGV[1]           -- string: new in each round
local ttl_ms    = tonumber(ARGV[2]) -- integer: how long the key stays behind
local channel   = ARGV[3]           -- string: this instance's own heartbeat channel

--- @include "lib/now_ms"

redis.call('SET', probe_key, nonce, 'PX', ttl_ms)
redis.call('PUBLISH', channel, nonce)
return { 'ALIVE', redis.call('GET', probe_key), now_ms() }
