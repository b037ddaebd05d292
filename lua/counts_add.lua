-- Adds to counts that all instances share: how often somebody did something in a window of time. A window begins with
-- the first addition and is over when its key ends.
--
-- Sent twice it adds twice. So it is never sent again: what was lost is missing from the count, or is in it although
-- its sender believes it lost; either way somebody is limited a little early or a little late.
--
-- Returns one of
--   { 'COUNTED', total, left_ms, … }   for each key its count now, and how long its window has left
--   { 'LATE' }                         executed after the deadline; nothing was added
local count_keys  = { unpack(KEYS, 1) }   -- strings: each a count
local deadline_ms = tonumber(ARGV[1])     -- integer: by Redis' own clock
local additions   = { unpack(ARGV, 2) }   -- strings: for each key `<by> <window_ms>`; by may be less than 0

--- @include "lib/now_ms"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local reply = { 'COUNTED' }
for i, key in ipairs(count_keys) do
  local by, window_ms = string.match(additions[i], '^(%-?%d+) (%d+)$')
  local total = 0
  local left_ms = tonumber(window_ms)
  -- what is given back after its window was over is forgotten with it
  if tonumber(by) > 0 or redis.call('EXISTS', key) == 1 then
    total = redis.call('INCRBY', key, by)
    local there_ms = redis.call('PTTL', key)
    if there_ms < 0 then
      redis.call('PEXPIRE', key, window_ms)
    else
      left_ms = there_ms
    end
  end
  reply[#reply + 1] = total
  reply[#reply + 1] = left_ms
end
return reply
