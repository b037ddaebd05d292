-- Announces that a calendar is being filled from the database, before the rows are read. From now on reservations
-- answer STALE, and whatever settles meanwhile has a greater version than the rows that are about to be read.
--
-- Who begins last fills the calendar; an earlier one finds its announcement gone and stops. Who asks not to disturb leaves
-- a fill alone that showed a sign of life lately: two instances that miss a calendar in one moment would read all of it twice.
--
-- Safe to send twice.
--
-- Returns one of
--   { 'BEGUN' }      the calendar is announced as being filled
--   { 'UNDERWAY' }   somebody else is filling it; nothing was changed
--   { 'READY' }      it is filled, and whoever asked only wanted to see to that; nothing was changed
--   { 'LATE' }       executed after the deadline; a calendar that was filled meanwhile stays filled
local generation_key = KEYS[1]           -- string: becomes `H:<nonce>`
local nonce          = ARGV[1]           -- string: names this fill
local fill_ms        = tonumber(ARGV[2]) -- integer: the fill has so long to its end or its next row
local alive_ms       = tonumber(ARGV[3]) -- integer: how old another fill's last sign of life may be; 0: never mind it
local unless_ready   = ARGV[4]           -- string: '1': only if it is not filled
local deadline_ms    = tonumber(ARGV[5]) -- integer: by Redis' own clock

--- @include "lib/now_ms"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local generation = redis.call('GET', generation_key)
if unless_ready == '1' and generation and string.sub(generation, 1, 2) == 'R:' then
  return { 'READY' }
end
if generation and generation ~= 'H:' .. nonce and string.sub(generation, 1, 2) == 'H:' then
  if fill_ms - redis.call('PTTL', generation_key) < alive_ms then
    return { 'UNDERWAY' }
  end
end

redis.call('SET', generation_key, 'H:' .. nonce, 'PX', fill_ms)
return { 'BEGUN' }
