-- Lists who looks at what in one calendar, those who came last first, and takes the dead out of the index: those
-- whose time is over, and those whose key is gone although it had time left.
--
-- The keys of the selections are put together here, from the index. They carry the calendar's hash tag like the
-- index itself, so they live where it lives.
--
-- Returns one of
--   { 'SELECTIONS', viewer, value, left_ms, … }   three entries for each; `value` is `<seq> <slot>`
local index_key        = KEYS[1]           -- sorted set: viewer -> when the selection ends, by Redis' own clock
local selection_prefix = ARGV[1]           -- string: before the viewer, the selection's key
local selections_max   = tonumber(ARGV[2]) -- integer: at most so many are listed

--- @include "lib/now_ms"

local now = now_ms()
redis.call('ZREMRANGEBYSCORE', index_key, '-inf', now)
local live = redis.call('ZREVRANGE', index_key, 0, selections_max - 1, 'WITHSCORES')

local reply = { 'SELECTIONS' }
if #live == 0 then
  return reply
end

local selection_keys = {}
for i = 1, #live, 2 do
  selection_keys[#selection_keys + 1] = selection_prefix .. live[i]
end
for i, value in ipairs(redis.call('MGET', unpack(selection_keys))) do
  local viewer, ends_ms = live[2 * i - 1], tonumber(live[2 * i])
  if value then
    reply[#reply + 1] = viewer
    reply[#reply + 1] = value
    reply[#reply + 1] = ends_ms - now
  else
    redis.call('ZREM', index_key, viewer)
  end
end
return reply
