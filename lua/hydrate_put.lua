-- Writes some of the rows of a fill, as long as it is the newest fill of its calendar, which shows that it is alive. Nothing
-- is told: whoever reads the calendar has the rows from the database.
--
-- Safe to send twice.
--
-- Returns one of
--   { 'PUT', written }   so many marks were older and are now as the database said
--   { 'OVERTAKEN' }      another fill began later, or this one took too long; nothing was written
--   { 'LATE' }           executed after the deadline; nothing was written
local generation_key = KEYS[1]             -- string: `H:<nonce>` while this fill goes on
local slot_keys      = { unpack(KEYS, 2) } -- strings: the marks, see lib/mark
local nonce          = ARGV[1]             -- string: names this fill
local fill_ms        = tonumber(ARGV[2])   -- integer: the fill has so long to its end or its next row
local deadline_ms    = tonumber(ARGV[3])   -- integer: by Redis' own clock
local rows           = { unpack(ARGV, 4) } -- strings: `<ttl_ms> <mark>`, one for each slot

--- @include "lib/now_ms"
--- @include "lib/write_marks"

if now_ms() > deadline_ms then
  return { 'LATE' }
end
if redis.call('GET', generation_key) ~= 'H:' .. nonce then
  return { 'OVERTAKEN' }
end

redis.call('PEXPIRE', generation_key, fill_ms)
return { 'PUT', write_marks(slot_keys, rows) }
