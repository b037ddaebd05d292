-- Takes back the reservation of a lock that the database refused, so that the next one need not wait for it to lapse.
-- Touches only what this lock has reserved and nobody has settled since; a version that was known stays known.
--
-- Safe to send twice, and to be executed late.
--
-- Returns one of
--   { 'UNRESERVED', count }   so many slots are open again
local slot_keys    = { unpack(KEYS, 1) } -- strings: the marks, see lib/mark
local lock         = ARGV[1]             -- string: the lock that had reserved them
local tombstone_ms = tonumber(ARGV[2])   -- integer: how long a version is remembered

--- @include "lib/mark"

local count = 0
for position, text in ipairs(redis.call('MGET', unpack(slot_keys))) do
  local mark = read_mark(text)
  if mark.state == 'pending' and mark.lock == lock then
    if mark.ver == 0 then
      redis.call('DEL', slot_keys[position])
    else
      redis.call('SET', slot_keys[position], mark.ver_text .. ':free:', 'PX', tombstone_ms)
    end
    count = count + 1
  end
end
return { 'UNRESERVED', count }
