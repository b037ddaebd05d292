-- Writes what the database has committed about some slots and tells every instance, in one call.
--
-- The event goes out whether or not a mark was written: it carries versions, and each reader keeps the greater.
-- Executed after the deadline it does nothing: the remaining times in it were counted from when it was sent, and the
-- reader of changed rows has repaired the picture by then.
--
-- Safe to send twice: the second call finds the same versions and writes nothing.
--
-- Returns one of
--   { 'SETTLED', written }   so many marks were older and are now as the database said
--   { 'LATE' }               executed after the deadline; nothing was written or told
local slot_keys   = { unpack(KEYS, 1) } -- strings: the marks, see lib/mark
local channel     = ARGV[1]             -- string: where the calendar's events go
local event       = ARGV[2]             -- string: the event, encoded
local deadline_ms = tonumber(ARGV[3])   -- integer: by Redis' own clock
local rows        = { unpack(ARGV, 4) } -- strings: `<ttl_ms> <mark>`, one for each slot

--- @include "lib/now_ms"
--- @include "lib/write_marks"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local written = write_marks(slot_keys, rows)
redis.call('PUBLISH', channel, event)
return { 'SETTLED', written }
