-- Keeps what one viewer looks at for a few seconds, lists the viewer in the calendar's index, and tells every
-- instance. An empty slot ends it at once.
--
-- The index is ordered by when each selection ends, so that reading it never scans the key space and the dead are a
-- range at its front.
--
-- Safe to send twice: the second call writes the same again.
--
-- Returns one of
--   { 'PUT' }       it is kept for its time
--   { 'REMOVED' }   the viewer looks at nothing now
--   { 'OLDER' }     a later selection of the same viewer is there; nothing was written or told
--   { 'LATE' }      executed after the deadline; nothing was written or told
local selection_key = KEYS[1]           -- string: `<seq> <slot>`
local index_key     = KEYS[2]           -- sorted set: viewer -> when the selection ends, by Redis' own clock
local viewer        = ARGV[1]           -- string: the public name of who looks
local slot          = ARGV[2]           -- string: the slot looked at, or nothing
local seq           = ARGV[3]           -- integer: orders the selections of one viewer; as text, see lib/mark
local ttl_ms        = tonumber(ARGV[4]) -- integer: how long it lives
local deadline_ms   = tonumber(ARGV[5]) -- integer: by Redis' own clock
local channel       = ARGV[6]           -- string: where the calendar's events go
local event         = ARGV[7]           -- string: the event, encoded

--- @include "lib/now_ms"

local now = now_ms()
if now > deadline_ms then
  return { 'LATE' }
end
local seq_there = string.match(redis.call('GET', selection_key) or '', '^(%d+) ')
if seq_there and tonumber(seq_there) > tonumber(seq) then
  return { 'OLDER' }
end

local reply = { 'PUT' }
if slot == '' then
  redis.call('DEL', selection_key)
  redis.call('ZREM', index_key, viewer)
  reply = { 'REMOVED' }
else
  redis.call('SET', selection_key, seq .. ' ' .. slot, 'PX', ttl_ms)
  redis.call('ZADD', index_key, now + ttl_ms, viewer)
  redis.call('ZREMRANGEBYSCORE', index_key, '-inf', now)
  redis.call('PEXPIRE', index_key, math.max(ttl_ms, redis.call('PTTL', index_key)))
end
redis.call('PUBLISH', channel, event)
return reply
