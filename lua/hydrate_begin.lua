-- Announces that a calendar is being filled from the database, before the rows are read. From now on reservations
-- answer STALE, and whatever settles meanwhile has a greater version than the rows that are about to be read.
--
-- Who begins last fills the calendar; an earlier one finds its announcement gone and stops.
--
-- Safe to send twice.
--
-- Returns one of
--   { 'BEGUN' }   the calendar is announced as being filled
--   { 'LATE' }    executed after the deadline; a calendar that was filled meanwhile stays filled
local generation_key = KEYS[1]           -- string: becomes `H:<nonce>`
local nonce          = ARGV[1]           -- string: names this fill
local fill_ms        = tonumber(ARGV[2]) -- integer: the fill has so long to end
local deadline_ms    = tonumber(ARGV[3]) -- integer: by Redis' own clock

--- @include "lib/now_ms"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

redis.call('SET', generation_key, 'H:' .. nonce, 'PX', fill_ms)
return { 'BEGUN' }
