-- Writes what the database has committed about some slots and tells every instance, in one call.
--
-- Where the rows of a slot's day are kept for readings, or somebody is about to bring them, the row is written there too
-- (see lib/day_rows). The day's key is put together here; it carries the calendar's hash tag like the marks.
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
local day_prefix  = ARGV[3]             -- string: before the date, the key of the day's rows
local day_rows_max = tonumber(ARGV[4])  -- integer: a day with more is not kept
local deadline_ms = tonumber(ARGV[5])   -- integer: by Redis' own clock
local rows        = { unpack(ARGV, 6) } -- strings: `<ttl_ms> <mark> <row>`, one for each slot

--- @include "lib/now_ms"
--- @include "lib/write_marks"
--- @include "lib/day_rows"

if now_ms() > deadline_ms then
  return { 'LATE' }
end

local day_rows = {}
for i, slot_key in ipairs(slot_keys) do
  local slot, date = string.match(slot_key, '([%w-]+/(%d+-%d+-%d+)T%d+:%d+Z)$')
  local row = string.match(rows[i], '^%d+ %S+ (%d+:%S+)$')
  assert(slot and row, 'no mark and row: ' .. slot_key .. ' ' .. rows[i])
  day_rows[i] = { day_prefix .. date, slot, row }
end

local written = write_marks(slot_keys, rows)
local kept = {}
for _, day_row in ipairs(day_rows) do
  local day_key = day_row[1]
  if kept[day_key] == nil then
    kept[day_key] = is_day(day_key)
  end
  if kept[day_key] then
    merge_day_row(unpack(day_row))
  end
end
for day_key, is_kept in pairs(kept) do
  if is_kept then
    drop_full_day(day_key, day_rows_max)
  end
end
redis.call('PUBLISH', channel, event)
return { 'SETTLED', written }
